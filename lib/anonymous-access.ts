import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { AnonymousAccess } from './passport/anonymous.js'
import { createRequirement } from './policy/requirement.js'
import { received } from './proxy/target-form.js'
import type { Settings } from './settings/settings.js'

/** The requests on routes that are open to everybody. */
const open = new WeakSet<object>()

/**
 * Who may come without credentials: to some targets, and on the reverse routes that are open to everybody.
 *
 * @returns `undefined`: nobody, nowhere.
 */
export function anonymousAccess ({ anonymous, realm }: Pick<Settings, 'anonymous' | 'realm'>): AnonymousAccess | undefined {
  if (anonymous === undefined) return undefined
  const isOpen = createRequirement([{ to: anonymous.to, demand: true }], false)
  return {
    name: anonymous.name,
    realm,
    admits (request) {
      if (open.has(request)) return true
      const target = received(request as IncomingMessage)?.target
      return target != null && 'host' in target && isOpen(target)
    }
  }
}

/** Makes the hook of a reverse route that of one which is open to everybody. */
export function openToAll<Rest extends unknown[], Result> (ask: (request: FastifyRequest, ...rest: Rest) => Result): typeof ask {
  return (request, ...rest) => {
    open.add(request.raw)
    return ask(request, ...rest)
  }
}
