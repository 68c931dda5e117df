import { BoundedNames } from './bounded-names.js'
import { OF_USERS } from './definitions.js'
import type { MetricMaker } from './metric-maker.js'
import { Moved } from './moved.js'
import type { Observed } from './observed.js'

/**
 * Makes the metrics of what users do, by name. Only names that a strategy has accepted count: what
 * refused credentials say is the client's own invention.
 *
 * @param max - How many users have a place of their own.
 * @returns Begins to count, once they are registered.
 */
export function userMetrics (maker: MetricMaker, { events, exchanges }: Observed, max: number): () => void {
  const names = new BoundedNames(max)
  const moved = new Moved()
  const ended = maker.counter(OF_USERS.exchanges)
  const denials = maker.counter(OF_USERS.denials)
  const limited = maker.counter(OF_USERS.limited)
  maker.counter(OF_USERS.bytes, (counter) => {
    const live = exchanges.proxied.flatMap(({ record: { identity }, octets }) =>
      identity === null ? [] : [[names.of(identity.name), octets?.()] as const])
    moved.tell(live, (user, direction, octets) => counter.inc({ direction, user }, octets))
  })
  return () => {
    events.on('closed', (event) => {
      if (event.user === null) return
      const user = names.of(event.user)
      ended.inc({ user })
      moved.add(user, event)
    })
    events.on('denied', (event) => {
      if (event.user === null) return
      const user = names.of(event.user)
      denials.inc({ user })
      moved.add(user, event)
    })
    events.on('limited', ({ user }) => limited.inc({ user: names.of(user) }))
  }
}
