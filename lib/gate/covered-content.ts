import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isExtendedConnect } from '../fields/extended-connect.js'
import type { AttemptInput, Chain } from '../passport/chain.js'
import { mayHaveContent } from './kept-content.js'
import type { ContentKeeper, KeptContent } from './kept-content.js'
import { lingering, mustClose } from './linger.js'

const kContent = Symbol('fastify-proxy-auth.content')
/** `unread`: its reading was given up. */
type Covered = FastifyRequest & { [kContent]?: KeptContent | 'unread' }

/**
 * Reads the content of a request where the verdict on its credentials needs a hash of it, and keeps it for whoever wants
 * it after that. Before others it leaves a request alone.
 *
 * @returns The hashes, by node's names; `undefined`, without a promise, where none is needed, or there is no content, or no longer.
 * @throws {ContentTooLarge} {@link ContentNotKept} {@link ClientLeft} It could not be kept.
 */
export function readCovered (
  request: FastifyRequest, reply: FastifyReply, chain: Chain, attempt: AttemptInput, keeper: ContentKeeper
): Promise<Readonly<Record<string, string>>> | undefined {
  // What follows a CONNECT is no content of it, but what it is for has a method that might have some.
  const connects = isExtendedConnect(request.raw)
  if (!connects && !mayHaveContent(request.raw)) return undefined
  const names = chain.contentHashes(attempt)
  if (names.length === 0) return undefined
  return connects ? Promise.resolve(hashesOfNothing(names)) : read(request, reply, names, keeper)
}

function hashesOfNothing (names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map(name => [name, hash(name, '', 'hex')]))
}

async function read (request: Covered, reply: FastifyReply, names: readonly string[], keeper: ContentKeeper): Promise<Readonly<Record<string, string>>> {
  request[kContent] = 'unread'
  const kept = request[kContent] = await keeper.keep(request.raw, reply.raw, names)
  return kept.hashes
}

/** The content that was read for the verdict, be it of no length; `undefined`: nobody has read it. */
export function coveredContent (request: FastifyRequest): KeptContent | undefined {
  const content = (request as Covered)[kContent]
  return typeof content === 'object' ? content : undefined
}

/**
 * Lets the application's own routes find what {@link readCovered} has read, and clients of too much read why it was not
 * taken.
 */
export function addContentHooks (app: FastifyInstance): void {
  app.addHook('preParsing', (request, _reply, payload, done) => {
    done(null, coveredContent(request)?.open() ?? payload)
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if ((request as Covered)[kContent] === 'unread') payload = behindTheRest(request, reply, payload)
    done(null, payload)
  })
}

/** Closing with content unread would reset the connection, and the answer might be lost with it (RFC 9112, 9.6). */
function behindTheRest ({ raw }: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'string' || raw.destroyed || !mustClose(raw)) {
    raw.resume()
    return payload
  }
  reply.header('connection', 'close').header('content-length', Buffer.byteLength(payload))
  reply.raw.writeContinue = () => {}
  return lingering(raw, payload)
}
