// What has to be true of every run over HTTP/2: as in oracle.ts, with frames for octets.

import { namesOf } from './behaviours.js'
import { Finding } from './finding.js'
import type { Http2Conversation, Http2Exchange } from './http2-client.js'
import { valuesOf } from './message.js'
import type { Field } from './message.js'
import { isOf } from './oracle.js'
import type { Asked } from './oracle.js'
import type { Settled, World } from './world.js'

/** A request of HTTP/2, and its exchange. */
export interface Http2Asked extends Asked {
  readonly exchange: Http2Exchange
}

const PSEUDO = new Set([':method', ':scheme', ':authority', ':path', ':protocol'])
const OF_CONNECTIONS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** The requests that are well-formed (RFC 9113, 8.2 and 8.3). */
export function readHttp2Asked (world: World, { exchanges }: Http2Conversation): Http2Asked[] {
  return [...exchanges.values()].flatMap(exchange => {
    const { content, ended, trailers } = exchange
    // Node overlooks other fields whose names or values are none.
    const fields = exchange.fields.filter(([name, value]) => name.startsWith(':') || (NAME.test(name) && !/[\r\n\0]/.test(value)))
    const target = targetOf(world, fields)
    if (target === null) return []
    const [method = ''] = valuesOf(fields, ':method')
    const extended = valuesOf(fields, ':protocol').length > 0
    const lengths = valuesOf(fields, 'content-length')
    const complete = ended && (lengths.length === 0 || Number(lengths[0]) === content.length)
    return [{
      request: {
        method: extended ? 'GET' : method,
        target,
        version: '2',
        fields: fields.filter(([name]) => !name.startsWith(':')),
        content: { text: extended ? '' : content, trailers, end: 0, complete: complete || extended },
        start: 0,
        headEnd: 0,
        end: 0
      },
      id: namesOf(target)?.id,
      authenticated: isAuthenticated(world, target, fields),
      left: false,
      exchange
    }]
  })
}

/** @returns `null`: it is malformed. */
function targetOf (world: World, fields: readonly Field[]): string | null {
  const pseudo = fields.filter(([name]) => name.startsWith(':'))
  if (fields.findLastIndex(([name]) => name.startsWith(':')) >= pseudo.length) return null
  if (new Set(pseudo.map(([name]) => name)).size < pseudo.length || pseudo.some(([name]) => !PSEUDO.has(name))) return null
  if (fields.some(([name]) => OF_CONNECTIONS.has(name)) || pseudo.some(([, value]) => /[\r\n\0]/.test(value))) return null
  if (valuesOf(fields, 'te').some(value => value.toLowerCase() !== 'trailers')) return null
  const valueOf = (name: string): string | undefined => valuesOf(fields, name)[0]
  const [method, scheme, path, protocol] = [valueOf(':method'), valueOf(':scheme'), valueOf(':path'), valueOf(':protocol')]
  const authority = valueOf(':authority') ?? valueOf('host') ?? ''
  if (method === undefined) return null
  if (method === 'CONNECT' && protocol === undefined) return scheme === undefined && path === undefined ? authority : null
  if (method !== 'CONNECT' && protocol !== undefined) return null
  if (scheme === undefined || path === undefined || path === '') return null
  return Object.values(world.ports).some(port => authority === `127.0.0.1:${port}`) ? path : `${scheme}://${authority}${path}`
}

function isAuthenticated (world: World, target: string, fields: readonly Field[]): boolean {
  if (target.startsWith('/open')) return true
  const values = valuesOf(fields, target.startsWith('/as-origin') ? 'authorization' : 'proxy-authorization')
  return values.length === 1 && world.granted.has(values[0]!)
}

/** @throws {Finding} */
export function checkHttp2Responses (world: World, { exchanges, waiting }: Http2Conversation, asked: readonly Http2Asked[], { codes }: Settled): void {
  if (waiting.length > 0) throw new Finding('a stream stays open', waiting.map(stream => [stream, exchanges.get(stream)]))
  for (const { response } of exchanges.values()) {
    const status = response && valuesOf(response, ':status')[0]
    const isRelayed = response !== null && response.some(([name]) => name === 'x-id' || name === 'via')
    if (status === '500' && !isRelayed && codes.length === 0) throw new Finding('a 500 without an error of ours', response)
  }
  for (const each of asked) {
    const { request: { method }, id, authenticated, exchange: { response, content, received } } = each
    if (response === null) continue
    const got = valuesOf(response, 'x-id')[0]
    if (got !== undefined && !isOf(id ?? 'none', got)) throw new Finding('the response of another request', { wanted: id, got })
    if (method !== 'CONNECT' || !/^2/.test(valuesOf(response, ':status')[0]!)) continue
    each.left = true
    if (!authenticated) throw new Finding('a tunnel without credentials')
    const ends = [
      ...Object.values(world.tunnels).flatMap(({ connections }) => connections),
      ...world.origin.octets.map(octets => ({ received: octets, sent: received }))
    ]
    if (ends.length > 0 && !ends.some(end => content.startsWith(end.received) && end.sent.startsWith(received))) {
      throw new Finding('a tunnel that changes octets', { up: content.slice(0, 300), down: received.slice(0, 300), ends: ends.map(end => end.received.slice(0, 300)) })
    }
  }
}

/** Whether a client has put a secret where it is no credential of the gateway's: then it may turn up. */
export function spillsHttp2 (world: World, { exchanges, sent }: Http2Conversation): boolean {
  let rest = sent
  for (const { fields } of exchanges.values()) {
    const path = valuesOf(fields, ':path')[0] ?? ''
    for (const [name, value] of fields) {
      if (name === 'proxy-authorization' || (name === 'authorization' && path.startsWith('/as-origin'))) rest = rest.replace(`${value}\r\n`, '')
    }
  }
  return world.traces.some(trace => rest.includes(trace))
}
