import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { AnonymousAccess } from '../gate/chain/anonymous.js'
import { createRequirement } from '../policy/target/requirement.js'
import { received } from '../proxy/ingress/target-form.js'
import type { Settings } from '../options/settings.js'

/** Access without credentials, and how a reverse route is opened to it. */
export interface OpenAccess extends AnonymousAccess {
  /** Makes the hook of a reverse route that of one which anyone may use without credentials. */
  readonly openToAll: <Rest extends unknown[], Result> (
    ask: (request: FastifyRequest, ...rest: Rest) => Result
  ) => typeof ask
}

/**
 * Says which requests may come without credentials: those to some targets, and those on the reverse
 * routes that are open. A route that one registration opens is closed to the gates of another.
 *
 * @returns `undefined` where the options allow none.
 */
export function anonymousAccess (
  { anonymous, realm }: Pick<Settings, 'anonymous' | 'realm'>
): OpenAccess | undefined {
  if (anonymous === undefined) return undefined
  const isOpen = createRequirement([{ to: anonymous.to, demand: true }], false)
  const onOpenRoutes = new WeakSet<object>()
  return {
    name: anonymous.name,
    realm,
    admits (request) {
      if (onOpenRoutes.has(request)) return true
      const target = received(request as IncomingMessage)?.target
      return target != null && 'host' in target && isOpen(target)
    },
    openToAll: (ask) => (request, ...rest) => {
      onOpenRoutes.add(request.raw)
      return ask(request, ...rest)
    }
  }
}
