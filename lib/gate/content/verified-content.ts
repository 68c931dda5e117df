import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isExtendedConnect } from '../../fields/extended-connect.js'
import type { AttemptInput } from '../../passport/attempt-input.js'
import type { Chain } from '../../passport/chain.js'
import { addressGroup } from '../../policy/attempts/address-group.js'
import { mayHaveContent } from './buffered-content.js'
import type { ContentKeeper, KeptContent } from './buffered-content.js'
import { drainBeforeEnd, mustClose } from './unread-content.js'

const kContent = Symbol('fastify-proxy-auth.content')
/** `unread`: its reading was given up. */
type Covered = FastifyRequest & { [kContent]?: KeptContent | 'unread' }

/** Hashes of content by node's names, in lower-case hex. */
export type ContentHashes = Readonly<Record<string, string>>

/**
 * Names the hashes of the content that the verdict on the credentials of a request needs, by node's
 * names: none for most, and none where there is no content, or no longer.
 */
export function hashesToRead (request: FastifyRequest, chain: Chain, attempt: AttemptInput): readonly string[] {
  return mayHaveContent(request.raw) || isExtendedConnect(request.raw) ? chain.contentHashes(attempt) : []
}

/**
 * The hashes of a message that has no content for certain, though its method might have some: what
 * follows a CONNECT is no content of it. `undefined`: there may be some.
 */
export function hashesOfNothing ({ raw }: FastifyRequest, names: readonly string[]): ContentHashes | undefined {
  return isExtendedConnect(raw) ? Object.fromEntries(names.map((name) => [name, hash(name, '', 'hex')])) : undefined
}

/**
 * Reads the content of a request for the verdict on its credentials, and keeps it for the route and
 * the upstream.
 *
 * @param names - The hashes to make of it, as {@link hashesToRead} names them.
 * @throws {ContentTooLarge} {@link ContentNotKept} {@link ClientLeft} It could not be kept.
 */
export async function readCovered (
  request: FastifyRequest, reply: FastifyReply, names: readonly string[], keeper: ContentKeeper
): Promise<ContentHashes> {
  const covered: Covered = request
  covered[kContent] = 'unread'
  const kept = covered[kContent] = await keeper.keep(request.raw, reply.raw, names, addressGroup(request.ip))
  return kept.hashes
}

/**
 * The content that was read for the verdict, be it of no length; `undefined`: it was not read.
 */
export function coveredContent (request: FastifyRequest): KeptContent | undefined {
  const content = (request as Covered)[kContent]
  return typeof content === 'object' ? content : undefined
}

/**
 * Lets the application's own routes find what {@link readCovered} has read, and clients of too much
 * read why it was not taken.
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

/**
 * Closing with content unread would reset the connection, and the answer might be lost with it (RFC
 * 9112, 9.6).
 */
function behindTheRest ({ raw }: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'string' || raw.destroyed || !mustClose(raw)) {
    raw.resume()
    return payload
  }
  reply.header('connection', 'close').header('content-length', Buffer.byteLength(payload))
  reply.raw.writeContinue = () => {}
  return drainBeforeEnd(raw, payload)
}
