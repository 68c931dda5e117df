import type { Events } from '../events/events.js'
import { shortened } from './shortened.js'
import type { StatusRefusal } from './snapshot.js'

/** How many are kept. */
const KEPT = 200

/** What has been refused, denied and limited lately, by the events of the gateway. */
export class Refusals {
  /** The latest at the end. */
  private readonly kept: StatusRefusal[] = []
  private serial = 0

  constructor (events: Events) {
    events.on('refused', ({ id, user, client, method, status, reason }) => {
      this.add({ kind: 'refused', id, user, client, method, target: null, status, reason, by: null })
    })
    events.on('denied', ({ id, user, client, method, target, status, denial, rule }) => {
      this.add({ kind: 'denied', id, user, client, method, target, status, reason: denial, by: rule ?? null })
    })
    events.on('limited', ({ id, user, limit, kind, ended }) => {
      const reason = `${kind}: the limit is reached${ended ? ', and what was under way has ended' : ''}`
      this.add({ kind: 'limited', id, user, client: null, method: null, target: null, status: null, reason, by: limit })
    })
  }

  /** How many there have been. */
  get count (): number { return this.serial }

  /** Those that are kept, the latest at the end. */
  get latest (): readonly StatusRefusal[] { return [...this.kept] }

  private add (refusal: Omit<StatusRefusal, 'serial' | 'at'>): void {
    const { id, user, method, target, reason, by } = refusal
    this.kept.push({
      serial: ++this.serial,
      at: new Date().toISOString(),
      ...refusal,
      id: shortened(id),
      user: shortened(user),
      method: shortened(method),
      target: shortened(target),
      reason: shortened(reason),
      by: shortened(by)
    })
    if (this.kept.length > KEPT) this.kept.shift()
  }
}
