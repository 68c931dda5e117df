// What has to be true of every run over HTTP/1.1, by comparing what clients have sent and received with what has come to origins.

import { namesOf } from './behaviours.js'
import { Finding } from './finding.js'
import { NotStrict, readRequest, readResponse, valuesOf } from './message.js'
import type { Field, StrictRequest } from './message.js'
import type { Conversation, Settled, World } from './world.js'

/** A request that a strict reader finds in what a client has sent. */
export interface Asked {
  readonly request: StrictRequest
  readonly id: string | undefined
  readonly authenticated: boolean
  /** A CONNECT, or an Upgrade, that was accepted: what follows is no HTTP. */
  left: boolean
}

/** Fields that the gateway may add or change, or that belong to one hop. */
const OF_THE_HOP = /^(?:host|connection|via|transfer-encoding|content-length|x-user|x-forwarded-.*|forwarded|te|trailer|upgrade|keep-alive|sec-websocket-.*|max-forwards|expect|date)$/i
const IDEMPOTENT = /^(?:GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/

/** All that a strict reader finds: requests up to the first that is none, or that has not come to its end. */
export function readAsked (world: World, sent: string): Asked[] {
  const asked: Asked[] = []
  let at = 0
  try {
    for (;;) {
      at = skipEmptyLines(sent, at)
      const request = readRequest(sent, at, isOwn)
      if (request === null) return asked
      asked.push({ request, id: namesOf(request.target)?.id, authenticated: isAuthenticated(world, request), left: false })
      if (!request.content.complete) return asked
      at = request.end
    }
  } catch (error) {
    if (!(error instanceof NotStrict)) throw error
    return asked
  }
}

/** Whether all requests that a strict reader finds have their responses. */
export function isAnswered (world: World, { sent, received }: Conversation): boolean {
  let at = 0
  try {
    return readAsked(world, sent).every(({ request: { method } }) => {
      const response = readResponse(received, at, method, false)
      at = response?.end ?? at
      return response?.content.complete === true
    })
  } catch {
    return true
  }
}

/** Whether a response with this mark is of the request with this id: `o1-inner` is of `o1`. */
export function isOf (id: string | undefined, mark: string | undefined): boolean {
  return mark !== undefined && mark.split('-')[0] === id
}

/** RFC 9112, 2.2: a server should ignore an empty line before a request. */
function skipEmptyLines (text: string, at: number): number {
  while (text.startsWith('\r\n', at) || text[at] === '\n') at += text[at] === '\n' ? 1 : 2
  return at
}

function isAuthenticated (world: World, { target, fields }: StrictRequest): boolean {
  if (target.startsWith('/open')) return true
  const values = valuesOf(fields, target.startsWith('/as-origin') ? 'authorization' : 'proxy-authorization')
  return values.length === 1 && world.granted.has(values[0]!.replace(/[\s,]+$/, '')) // an empty member of a list is none
}

/**
 * Reads the responses of a conversation beside its requests.
 *
 * @returns Where in `received` HTTP ends.
 * @throws {Finding}
 */
export function checkResponses (world: World, { sent, received }: Conversation, asked: Asked[], { codes }: Settled): number {
  let at = 0
  try {
    for (const [index, each] of asked.entries()) {
      const response = readResponse(received, at, each.request.method, true)
      if (response === null) return at
      const { status, fields, content } = response
      const id = valuesOf(fields, 'x-id')[0]
      if (id !== undefined && id !== 'none' && !isOf(each.id, id)) throw new Finding('the response of another request', { at: index, wanted: each.id, got: id })
      // One with Via has come from an origin, whose mark a mutation may have taken out.
      const isOurs = id === undefined && valuesOf(fields, 'via').length === 0
      if (status === 500 && isOurs && codes.length === 0) throw new Finding('a 500 without an error of ours', received.slice(at, response.end))
      at = response.end
      each.left = status === 101 || (each.request.method === 'CONNECT' && status < 300)
      if (each.left) {
        if (each.request.method === 'CONNECT') checkTunnel(world, each, sent.slice(each.request.headEnd), received.slice(at))
        return at
      }
      if (!content.complete && at < received.length) throw new Finding('octets behind a cut response', received.slice(at, at + 200))
    }
    // One more for what is no request, or has not come to its end.
    const last = asked.at(-1)?.request
    const rest = sent.slice(skipEmptyLines(sent, last?.end ?? 0))
    if (at < received.length && last?.content.complete !== false && rest !== '') {
      const response = readResponse(received, at, 'GET', true)
      if (response === null) return at
      const odd = /^[A-Z-]+ +(\S+)[^\n]*\n/.exec(rest)?.[1]
      // Also one that no route has the method of: node takes `PRI /open` for a whole request line.
      if (odd !== undefined && (isOwn(odd) || response.status === 404)) return received.length
      if (response.status < 400) throw new Finding('a response below 400 to what is no request', received.slice(at, at + 200))
      at = response.end
    }
  } catch (error) {
    if (error instanceof NotStrict) throw new Finding(`a response that is none: ${error.why}`, received.slice(Math.max(0, error.at - 200), error.at + 200))
    throw error
  }
  // Node says 400 to octets behind `Connection: close`. Behind the application's own routes that is none of the gateway's matter.
  const last = asked.at(-1)
  if ((last === undefined || isOwn(last.request.target)) && /^HTTP\/1\.1 400 Bad Request\r\n/.test(received.slice(at))) return received.length
  if (at < received.length) throw new Finding('a response too many', received.slice(at, at + 300))
  return at
}

/** Whether a target is a route of the application's own. */
function isOwn (target: string): boolean {
  return target.startsWith('/') && !/^\/(?:api|ws|given|t|as-origin|open)(?:[/?]|$)/.test(target)
}

function checkTunnel (world: World, { authenticated }: Asked, up: string, down: string): void {
  if (!authenticated) throw new Finding('a tunnel without credentials')
  const ends = [
    ...Object.values(world.tunnels).flatMap(({ connections }) => connections),
    ...world.origin.octets.map(received => ({ received, sent: down }))
  ]
  if (ends.length > 0 && !ends.some(({ received, sent }) => up.startsWith(received) && sent.startsWith(down))) {
    throw new Finding('a tunnel that changes octets', { up: up.slice(0, 300), down: down.slice(0, 300), ends: ends.map(({ received }) => received.slice(0, 300)) })
  }
}

/**
 * What has come to the origin is what was admitted, and no more.
 *
 * @throws {Finding}
 */
export function checkOrigin (world: World, connections: ReadonlyArray<readonly Asked[]>): void {
  const { arrived, faults } = world.origin
  const asked = connections.flat()
  // The origin's own port is a target of tunnels too: those octets are the client's own.
  if (asked.some(({ request: { method, target } }) => method === 'CONNECT' && /:\d+$/.test(target) && target.endsWith(world.authority('origin').slice(9)))) return
  if (faults.length > 0) throw new Finding('the origin got what is no request', faults)
  const times = new Map<string, number>()
  for (const { request: got } of arrived) {
    const id = namesOf(got.target)?.id
    const candidates = id === undefined ? asked : asked.filter(each => each.id === id)
    const [sent] = candidates
    if (sent === undefined && id?.startsWith('s') === true) throw new Finding('a content was read as a request', got)
    if (sent === undefined) throw new Finding('the origin got a request that was not sent', { got, asked: asked.map(({ request }) => [request.method, request.target]) })
    if (!candidates.some(({ authenticated }) => authenticated)) throw new Finding('a request without credentials got to the origin', got)
    const before = (each: Asked): readonly Asked[] => connections.flatMap(own => own.slice(0, Math.max(0, own.indexOf(each))))
    if (candidates.every(each => before(each).some(({ left }) => left))) throw new Finding('what is inside a tunnel was read as a request', got)
    if (!candidates.some(({ request }) => isSame(request, got))) throw new Finding('the origin got another request than was sent', { got, sent: sent.request })
    const seen = (times.get(id!) ?? 0) + 1
    times.set(id!, seen)
    if (seen > candidates.length && !(IDEMPOTENT.test(got.method) && got.content.text === '' && seen <= candidates.length * 2)) {
      throw new Finding('a request was sent more than once', got)
    }
  }
}

/**
 * Whether a client of HTTP/2 has sent more than its Content-Length says, which node finds out when it comes: what the length says is
 * all that the origin may have, and may have had before.
 */
function exceedsLength ({ version, fields, content: { text } }: StrictRequest, got: string): boolean {
  return version === '2' && valuesOf(fields, 'content-length')[0] === String(got.length) && text.length > got.length
}

function isSame (sent: StrictRequest, got: StrictRequest): boolean {
  if (got.method !== sent.method) return false
  const tail = /\/\w+\/\w+(?:\?.*)?$/.exec(got.target)?.[0] ?? ''
  if (!sent.target.endsWith(tail)) return false
  if (!sent.content.text.startsWith(got.content.text)) return false
  const isWhole = (sent.content.complete && got.content.text === sent.content.text) || exceedsLength(sent, got.content.text)
  if (got.content.complete && !isWhole) return false
  const nominated = valuesOf(sent.fields, 'connection').join(',').toLowerCase().split(',').map(name => name.trim())
  const all = [...sent.fields, ...sent.content.trailers]
  return [...got.fields, ...got.content.trailers].every(([name, value]: Field) => {
    const lower = name.toLowerCase()
    if (/^proxy-authenticat|^proxy-authorization$/.test(lower)) return false
    if (lower === 'x-user') return /^(?:alice|bob|anonymous)$/.test(value)
    if (OF_THE_HOP.test(name)) return true
    if (nominated.includes(lower)) return false
    // The lines of HTTP/2 are one (RFC 9113, 8.2.3).
    if (lower === 'cookie' && sent.version === '2') return value === valuesOf(sent.fields, 'cookie').join('; ').trim()
    return all.some(([other, given]) => other.toLowerCase() === lower && given === value)
  })
}

/** Whether a client has put a secret where it is no credential of the gateway's: then it may turn up. */
export function spills (world: World, sent: string, asked: readonly Asked[]): boolean {
  let rest = ''
  let at = 0
  for (const { request: { target, start, headEnd } } of asked) {
    const credentials = target.startsWith('/as-origin') ? /^(?:proxy-)?authorization:.*$/gim : /^proxy-authorization:.*$/gim
    rest += sent.slice(at, start) + sent.slice(start, headEnd).replace(credentials, '')
    at = headEnd
  }
  rest += sent.slice(at)
  return world.traces.some(trace => rest.includes(trace))
}

/** @throws {Finding} A secret has got out. */
export function checkSecrets (world: World, received: string): void {
  const trace = world.traces.find(trace => received.includes(trace) || world.origin.octets.some(octets => octets.includes(trace)))
  if (trace !== undefined) throw new Finding('a secret in a response or at the origin', trace)
}
