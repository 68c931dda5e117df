// Origins and upstreams that misbehave, towards clients of HTTP/1.1 and HTTP/2 that behave: requests, WebSockets, tunnels.

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { namesOf } from './harness/behaviours.js'
import { Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import { converseHttp2 } from './harness/http2-client.js'
import type { Http2Conversation, Http2Step } from './harness/http2-client.js'
import { checkHttp2Responses, readHttp2Asked } from './harness/http2-oracle.js'
import { NotStrict, readResponse, valuesOf } from './harness/message.js'
import type { Field } from './harness/message.js'
import { mutate } from './harness/mutate.js'
import { checkOrigin, checkResponses, checkSecrets, isAnswered, isOf, readAsked } from './harness/oracle.js'
import type { Random } from './harness/random.js'
import { smaller } from './harness/shrink.js'
import type { Arrived } from './harness/strict-origin.js'
import { PATIENCE } from './harness/world.js'
import type { Conversation, Settled, Step, World } from './harness/world.js'

/** What an origin does with a request. Texts have one char per octet. */
interface Reply {
  /** Before the content of the request has come, or behind it. */
  readonly early: boolean
  readonly steps: ReadonlyArray<string | { readonly pause: number }>
  /** Sent every 50 ms, for ever. */
  readonly endless: string
  readonly end: 'stay' | 'fin' | 'rst'
}

interface Request {
  readonly form: 'forward' | 'named' | 'reverse' | 'origin' | 'open' | 'given' | 'socket' | 'forward socket' | 'tunnel'
  readonly method: string
  readonly content: string
  readonly reply: Reply
}

interface Input {
  readonly client: 'HTTP/1.1' | 'HTTP/2'
  readonly tls: boolean
  /** In one write, or on streams at the same time. Else one behind the response to the other. */
  readonly together: boolean
  /** Of the client's window for a stream, in HTTP/2. */
  readonly window: number
  readonly requests: readonly Request[]
}

const FORMS = ['forward', 'forward', 'named', 'reverse', 'reverse', 'origin', 'open', 'given', 'socket', 'socket', 'forward socket', 'tunnel'] as const
const PATHS: Readonly<Record<Request['form'], string>> = {
  forward: 'http://<origin>', named: 'http://<named>', reverse: '/api', origin: '/as-origin', open: '/open', given: '/given', socket: '/ws', 'forward socket': 'http://<origin>', tunnel: '<origin>'
}
const SINGLE = ['Date', 'Content-Type', 'Content-Location', 'Location', 'ETag', 'Last-Modified', 'Expires', 'Age', 'Retry-After', 'Content-Range', 'Access-Control-Allow-Credentials', 'Access-Control-Max-Age', 'X-Content-Type-Options', 'Content-Encoding', 'Content-MD5', 'Tk', 'DNT', 'Host', 'From', 'Referer', 'User-Agent', 'Range']
const LINES = [
  'Connection: close', 'Connection: keep-alive', 'Connection: X-A, Keep-Alive', 'Connection: upgrade', 'Connection: content-length', 'Connection: x-id, date', 'Keep-Alive: timeout=1', 'Keep-Alive: timeout=0', 'Proxy-Connection: close',
  'Proxy-Authenticate: Basic realm="theirs"', 'Proxy-Authentication-Info: rspauth="x"', 'Authentication-Info: nextnonce="a"', 'WWW-Authenticate: Basic realm="theirs"', 'WWW-Authenticate: NTLM', 'Proxy-Support: Session-Based-Authentication',
  'Set-Cookie: a=b', 'Set-Cookie: c=d', 'X-A: 1', 'x-a: 2', 'X-L: \xe9\xff', 'X-E:', 'X-T: \t a \t', 'Upgrade: h2c', 'Trailer: X-Sum', 'Trailer: Content-Length', 'Via: 1.1 fuzzed', 'Alt-Svc: clear', 'Vary: *', '__proto__: a', 'constructor: b',
  'HTTP2-Settings: AAMAAABk', 'TE: gzip', 'Sec-WebSocket-Extensions: permessage-deflate', 'Sec-WebSocket-Protocol: chat', 'Refresh: 0', 'Proxy-Status: them'
]
/** No field lines. */
const BAD_LINES = ['X-\xc9: a', ':status: 200', 'X Y: a', 'X-C : a', ': a', 'X-Nul: \0', 'X-Cr: a\rb', 'X-Fold: a\r\n b', ' X-Lead: a', 'no-colon', 'Date: \x7f']
const STATUS_LINES = ['HTTP/1.0 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 200 \xe9\xff', 'HTTP/1.1 200 a\tb', 'HTTP/1.1 200 a\rb', 'HTTP/1.1 200 a\0b', `HTTP/1.1 200 ${'r'.repeat(5000)}`, 'HTTP/2.0 200 OK', 'HTTP/1.2 200 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 A', 'HTTP/1.1 000 A', 'HTTP/1.1 600 A', 'HTTP/1.1 999 A', 'HTTP/1.1 200OK', 'http/1.1 200 OK', 'ICY 200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1 -20 OK', '', 'HTTP/1.1 100 Continue', 'HTTP/1.1 101 Switching Protocols', 'HTTP/1.1 199 A']
const STATUSES = [200, 200, 200, 200, 200, 201, 202, 203, 204, 205, 206, 226, 300, 301, 302, 304, 307, 400, 401, 403, 404, 407, 408, 413, 417, 421, 425, 426, 429, 431, 500, 502, 503, 504, 511, 599]

function chunks (random: Random, text: string): string {
  const size = 1 + random.integer(9)
  const parts = text.length > 1000 ? [text] : text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
  return parts.map(part => `${part.length.toString(16)}${random.once(12) ? random.one([';a=b', ' ', ';a="\r\n"', `;${'x'.repeat(5000)}`, '\t;']) : ''}\r\n${part}\r\n`).join('')
}

function trailers (random: Random): string {
  return random.once(3) ? `${random.some(1, 3, () => random.one([...LINES, ...BAD_LINES, 'X-Sum: 2', 'X-Sum: 3', 'Content-Length: 3', 'Transfer-Encoding: chunked', 'Date: a', 'Date: b', 'Content-Type: a', 'Set-Cookie: t', `X-L: ${'x'.repeat(30_000)}`])).join('\r\n')}\r\n` : ''
}

/** Framing fields, and the content that goes with them or does not. */
function framed (random: Random, text: string): readonly [lines: readonly string[], content: string, closes: boolean] {
  const { length } = text
  return random.weighted<() => readonly [string[], string, boolean]>(
    [14, () => [[`Content-Length: ${length}`], text, false]],
  [12, () => [['Transfer-Encoding: chunked'], `${chunks(random, text)}0\r\n${trailers(random)}\r\n`, false]],
  [3, () => [[], text, true]],
  [1, () => [[], text, false]],
  [1, () => [[`Content-Length: ${length + 1 + random.integer(9)}`], text, true]],
  [1, () => [[`Content-Length: ${Math.max(0, length - 3)}`], text, false]],
  [1, () => [[`Content-Length: ${length}`, `Content-Length: ${random.one([length, length + 1, 0])}`], text, false]],
  [1, () => [[`Content-Length: ${random.one([`+${length}`, `${length}, ${length}`, '-1', '0x5', '', '99999999999999999999', '5 5', '1e1', `0${length}`])}`], text, false]],
  [1, () => [[`Content-Length: ${length}`, 'Transfer-Encoding: chunked'], `${chunks(random, text)}0\r\n\r\n`, false]],
  [1, () => [[`Transfer-Encoding: ${random.one(['gzip, chunked', 'chunked, chunked', 'chunked, gzip', 'identity', 'xchunked', 'Chunked', '\x0bchunked', '', 'chunked;a', 'gzip'])}`], `${chunks(random, text)}0\r\n\r\n`, random.once(2)]],
  [1, () => [['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `${chunks(random, text)}0\r\n\r\n`, false]],
  [1, () => [['Transfer-Encoding: chunked'], random.one(['5\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '-1\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', 'fffffffffffffffff\r\n', '5\r\nhelloworld\r\n0\r\n\r\n', '\r\n0\r\n\r\n', '00000000000000000000\r\n\r\n', '0\r\n\r']), random.once(2)]]
  )()
}

function interim (random: Random, count: number): string {
  let text = ''
  for (let i = 0; i < count; i++) {
    const status = random.weighted([4, '103 Early Hints'], [3, '100 Continue'], [2, '102 Processing'], [1, random.one(['104 A', '199 A', '150', '104 B', '110 C', '101 Switching Protocols'])])
    text += [`HTTP/1.1 ${status}`, ...random.some(0, 2, () => random.one(['Link: </a>', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Date: a', 'Date: b', 'Trailer: x', ...LINES])), '', ''].join('\r\n')
  }
  return text
}

function fields (random: Random, id: string): string[] {
  const lines = [`X-Id: ${id}`, ...random.some(0, 3, () => random.one(LINES)), ...random.once(15) ? [random.one(BAD_LINES)] : []]
  if (random.once(4)) {
    const name = random.one(SINGLE)
    lines.push(...random.some(1, 3, index => `${random.once(2) ? name : name.toLowerCase()}: ${random.one(['a', 'b', String(index), ''])}`))
  }
  if (random.once(30)) lines.push(`X-Large: ${'x'.repeat(random.one([8000, 17_000, 40_000, 70_000]))}`)
  if (random.once(40)) lines.push(...Array<string>(random.one([200, 990, 2100])).fill(random.one(['Set-Cookie: a=b', 'a:', 'X-A: 1'])))
  return random.once(10) ? lines.reverse() : lines
}

function message (random: Random, id: string, socket: boolean): readonly [text: string, closes: boolean] {
  const text = random.weighted([4, 'content'], [2, ''], [2, random.octets(random.integer(60))], [1, 'x'.repeat(random.one([3000, 70_000, 400_000]))], [1, `HTTP/1.1 200 OK\r\nX-Id: ${id}-inner\r\nContent-Length: 0\r\n\r\n`])
  if (socket && !random.once(3)) {
    const lines = ['Connection: Upgrade', `Upgrade: ${random.weighted([6, 'websocket'], [1, 'WebSocket'], [1, 'h2c'], [1, 'websocket, h2c'], [1, ''])}`, ...random.once(5) ? [] : [`Sec-WebSocket-Accept: ${random.once(4) ? 'wrong' : '<accept>'}`]]
    return [[`HTTP/1.1 101 ${random.one(['Switching Protocols', '', '\xe9'])}`, ...fields(random, id), ...lines, '', ''].join('\r\n') + random.one(['', '\x81\x02hi', '\x88\0', random.octets(30), text]), random.once(2)]
  }
  const [framing, content, closes] = framed(random, text)
  const status = random.once(12) ? random.one(STATUS_LINES) : `HTTP/1.1 ${random.one(STATUSES)} ${random.one(['OK', '', 'Any Thing'])}`
  return [[status, ...fields(random, id), ...framing, '', ''].join('\r\n') + content, closes]
}

/**
 * What request a response is of has to stay legible, in whatever way it is changed, cut and continued. What was meant as content, or
 * as a response too many, may become the response by a change of what is before it: so it bears the mark of its request as well.
 */
function isLegible (text: string): boolean {
  return !/X-Id:(?! ?o\d(?:-poison|-inner)?\r?\n)[^\r\n]*[\r\n]/.test(text)
}

function reply (random: Random, id: string, socket: boolean): Reply {
  const before = interim(random, random.weighted([6, 0], [2, 1], [2, 1 + random.integer(4)], [1, 100]))
  const [text, closes] = message(random, id, socket)
  let whole = before + text
  // A response too many must be in the packet with the end of the one before it: later, it would be that of the next request.
  if (random.once(8)) whole += random.one([`HTTP/1.1 200 OK\r\nX-Id: ${id}-poison\r\nContent-Length: 6\r\n\r\npoison`, '\r\n', 'x', '0\r\n\r\n', `HTTP/1.1 408 Request Timeout\r\nX-Id: ${id}-poison\r\nContent-Length: 0\r\n\r\n`])
  for (let changes = random.weighted([5, 0], [1, 1 + random.integer(2)]); changes > 0; changes--) {
    const changed = mutate(random, whole)
    if (isLegible(changed)) whole = changed
  }
  const cut = random.once(8)
  if (cut) whole = whole.slice(0, random.integer(whole.length + 1))
  const steps: Array<string | { pause: number }> = []
  let at = 0
  for (const next of random.once(3) ? random.some(1, 3, () => random.integer(text.length + before.length)).sort((a, b) => a - b) : []) {
    if (next <= at || next >= whole.length) continue
    steps.push(whole.slice(at, next), { pause: random.integer(3) })
    at = next
  }
  steps.push(whole.slice(at))
  const early = random.once(5)
  const endless = random.once(150) ? random.one(['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n', 'x', '1\r\nx\r\n']) : ''
  return {
    early,
    steps,
    endless: isLegible(whole + endless) ? endless : '',
    end: cut ? random.weighted([6, 'fin'], [6, 'rst'], [1, 'stay']) : closes && !random.once(15) ? random.one(['fin', 'fin', 'rst']) : random.weighted([6, 'stay'], [2, 'fin'], [1, 'rst'])
  }
}

function request (random: Random, index: number): Request {
  const form = random.one(FORMS)
  const socket = form === 'socket' || form === 'forward socket' || form === 'given'
  const method = socket ? 'GET' : random.one(['GET', 'GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE'])
  return { form, method, content: method === 'POST' || method === 'PUT' ? random.one(['', 'hello', 'x'.repeat(100_000)]) : '', reply: reply(random, `o${index}`, socket || random.once(20)) }
}

/**
 * Does with a request what its reply says, and remembers what was sent in response to it.
 *
 * @param endless - Gets the connections on which something is sent for ever.
 */
function respond (requests: readonly Request[], sent: Map<string, string>, endless: Socket[]) {
  return async (arrived: Arrived): Promise<void> => {
    const { socket, whole, request } = arrived
    const { id = '' } = namesOf(request.target) ?? {}
    const reply = requests[Number(id.slice(1))]?.reply
    if (reply === undefined) return
    // From here on no request is looked for behind this one.
    if (/HTTP\/\d\.\d 101/.test(reply.steps.filter(step => typeof step === 'string').join(''))) arrived.switched = ''
    const again = sent.has(id)
    if (!again) sent.set(id, '')
    if (!reply.early) await whole
    const send = (text: string): void => {
      if (!again) sent.set(id, sent.get(id)! + text)
      if (!socket.destroyed) socket.write(text, 'latin1')
    }
    for (const step of reply.steps) {
      if (typeof step !== 'string') await new Promise(resolve => setTimeout(resolve, step.pause))
      else if (step !== '') send(step.replace('<accept>', accept(valuesOf(request.fields, 'sec-websocket-key')[0] ?? '')))
    }
    if (reply.endless !== '') {
      if (socket.closed) return
      const timer = setInterval(() => { send(reply.endless) }, 50)
      socket.once('close', () => clearInterval(timer))
      endless.push(socket)
    } else if (reply.end === 'fin') socket.end()
    else if (reply.end === 'rst') setImmediate(() => socket.resetAndDestroy())
  }
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

function accept (key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

function pathOf ({ form }: Request, index: number): string {
  return `${PATHS[form]}/o${index}/x`
}

function head1 (each: Request, index: number): string {
  const { form, method, content } = each
  if (form === 'tunnel') return `CONNECT <origin> HTTP/1.1\r\nHost: <origin>\r\nProxy-Authorization: <basic>\r\n\r\n${method} /o${index}/x HTTP/1.1\r\nHost: a\r\n\r\n`
  return [
    `${method} ${pathOf(each, index)} HTTP/1.1`, `Host: ${form.startsWith('forward') ? '<origin>' : 'gateway.test'}`, `${form === 'origin' ? '' : 'Proxy-'}Authorization: <basic>`,
    ...form === 'socket' || form === 'forward socket' || form === 'given' ? ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`] : [],
    ...content === '' ? [] : [`Content-Length: ${content.length}`], '', ''
  ].join('\r\n') + content
}

async function converse1 (world: World, { requests, tls, together }: Input): Promise<Conversation> {
  const texts = requests.map(head1)
  const steps: Step[] = together ? [texts.join('')] : texts.flatMap(text => [text, { wait: 'response' as const }])
  return await world.converse({ listener: tls ? 'tls' : 'plain', steps, end: 'fin' }, conversation => isAnswered(world, conversation))
}

async function converse2 (world: World, { requests, tls, together, window }: Input): Promise<Http2Conversation> {
  const steps = requests.flatMap((each, index): Http2Step[] => {
    const { form, method, content } = each
    const stream = 2 * index + 1
    const away = PATHS[form].includes('<')
    const authority = form === 'named' ? '<named>' : away ? '<origin>' : '<self>'
    const path = away ? `/o${index}/x` : pathOf(each, index)
    const name = form === 'origin' ? 'authorization' : 'proxy-authorization'
    const wait: Http2Step[] = together ? [] : [{ wait: stream }]
    if (form === 'tunnel') return [{ fields: [[':method', 'CONNECT'], [':authority', '<origin>'], [name, '<basic>']], stream }, { wait: stream }, { data: `${method} /o${index}/x HTTP/1.1\r\nHost: a\r\n\r\n`, stream }, ...wait]
    const socket = form === 'socket' || form === 'forward socket' || form === 'given'
    const fields: Field[] = [[':method', socket ? 'CONNECT' : method], [':scheme', tls ? 'https' : 'http'], [':authority', authority], [':path', path], [name, '<basic>']]
    if (away) fields[1] = [':scheme', 'http']
    if (socket) fields.push([':protocol', 'websocket'], ['sec-websocket-version', '13'])
    if (socket) fields.splice(1, 0, fields.splice(5, 1)[0]!)
    if (content === '') return [{ fields, stream, end: !socket }, ...wait]
    return [{ fields, stream }, { data: content, stream, end: true }, ...wait]
  })
  return await converseHttp2(world, { listener: tls ? 'h2' : 'h2c', settings: [[1, 0], [4, window]], steps, credit: true, end: 'fin' })
}

/**
 * Waits until the gateway has left origins that go on for ever, whose client is gone.
 *
 * @throws {Finding} It stays.
 */
async function untilLeft (endless: readonly Socket[]): Promise<void> {
  const open = (): Socket[] => endless.filter(socket => !socket.closed)
  await Promise.race([Promise.all(open().map(async socket => await new Promise(resolve => socket.once('close', resolve)))), new Promise(resolve => setTimeout(resolve, PATIENCE).unref())])
  if (open().length > 0) throw new Finding('an origin is listened to for a client that is gone')
}

/** What a client has got for a request. */
interface Got {
  readonly status: number
  readonly content: string
  readonly complete: boolean
  readonly fields: readonly Field[]
}

/**
 * What was relayed is what a strict reader reads of what the origin has sent.
 *
 * @throws {Finding}
 */
function checkRelayed (id: string, method: string, text: string, got: Got): void {
  if (!isOf(id, valuesOf(got.fields, 'x-id')[0])) return
  let response
  try {
    response = readResponse(text, 0, method, true)
  } catch (error) {
    if (!(error instanceof NotStrict)) throw error
    if (got.complete && /coding|Content-Length/.test(error.why)) throw new Finding(`a response was relayed whole: ${error.why}`, { text: text.slice(0, 600), got })
    return
  }
  if (response === null || response.status === 101) return
  const details = { origin: text.slice(0, 600), client: { ...got, content: got.content.slice(0, 200) } }
  if (response.status !== got.status) throw new Finding('another status than the origin\'s', details)
  // HTTP/2 of node writes no content with a 205, and there should be none (RFC 9110, 15.3.6).
  if (method === 'HEAD' || (response.status === 205 && got.content === '')) return
  if (!response.content.text.startsWith(got.content)) throw new Finding('another content than the origin\'s', details)
  if (got.complete && (!response.content.complete || response.content.text !== got.content)) throw new Finding('less content than the origin\'s, as if whole', details)
  for (const [name, value] of got.fields) {
    if (/^(?:via|proxy-authentication-info|authentication-info|proxy-status|connection|keep-alive|transfer-encoding|date|cache-control|content-length|trailer|:status|www-authenticate)$/i.test(name)) continue
    if (got.status === 401 && name.toLowerCase() === 'proxy-support' && value === 'Session-Based-Authentication') continue // RFC 4559, 6
    if (!response.fields.some(([other, given]) => other.toLowerCase() === name.toLowerCase() && (given === value || given.split(', ').includes(value) || value.includes(given)))) throw new Finding('a field that the origin has not sent', { name, value, ...details })
  }
}

function check1 (world: World, { requests }: Input, conversation: Conversation, sent: Map<string, string>, told: Settled): void {
  const asked = readAsked(world, conversation.sent)
  const end = checkResponses(world, conversation, asked, told)
  checkSecrets(world, conversation.received.slice(0, end))
  let at = 0
  for (const { request: { method }, id = '' } of asked) {
    const response = readResponse(conversation.received, at, method, true)
    if (response === null) break
    at = response.end
    checkRelayed(id, method, sent.get(id) ?? '', { status: response.status, content: response.content.text, complete: response.content.complete, fields: response.fields })
    if (response.status === 101 || method === 'CONNECT') break
  }
  const [, framing] = /^HTTP\/1\.1 1(?!01)\d\d [^\r]*\r\n(?:[^\r]+\r\n)*?((?:content-length|transfer-encoding):[^\r]*)/im.exec(conversation.received.slice(0, at)) ?? []
  if (framing !== undefined && requests.every(({ form }) => form !== 'tunnel')) throw new Finding('an interim response with framing', framing)
  if (!conversation.closed) throw new Finding('a connection stays open behind the client\'s FIN', conversation)
  checkOrigin(world, [asked])
}

function check2 (world: World, { requests }: Input, conversation: Http2Conversation, sent: Map<string, string>, told: Settled): void {
  // A content that the origin goes on with has no end for its client either.
  conversation.waiting = conversation.waiting.filter(stream => !conversation.busy.includes(stream) || requests[stream >> 1]!.reply.endless === '')
  const asked = readHttp2Asked(world, conversation)
  checkHttp2Responses(world, conversation, asked, told)
  checkSecrets(world, conversation.received)
  if ((conversation.away ?? 0) > 0) throw new Finding('an error of the connection', conversation.away)
  for (const { request: { method }, id = '', exchange: { response, received, done, refused } } of asked) {
    if (response === null) continue
    const status = Number(valuesOf(response, ':status')[0])
    checkRelayed(id, method, sent.get(id) ?? '', { status, content: received, complete: done && refused === null, fields: response })
  }
  checkOrigin(world, asked.map(each => [each]))
}

const fuzzer: Fuzzer<Input> = {
  name: 'origins',

  generate (random) {
    return {
      client: random.one(['HTTP/1.1', 'HTTP/2']),
      tls: random.once(3),
      together: random.once(2),
      window: random.weighted([6, 65_535], [1, 10], [1, 1_000_000]),
      requests: random.some(1, random.weighted([3, 1], [2, 3], [1, 6]), index => request(random, index))
    }
  },

  async run (world, input) {
    world.reset()
    const sent = new Map<string, string>()
    const endless: Socket[] = []
    world.origin.respond = respond(input.requests, sent, endless)
    if (input.client === 'HTTP/1.1') {
      const conversation = await converse1(world, input)
      await untilLeft(endless)
      // What stands behind a tunnel or a WebSocket goes into it.
      if (input.requests.some(({ form }) => /socket|given|tunnel/.test(form))) world.traces = []
      check1(world, input, conversation, sent, await world.settle())
    } else {
      const [talk] = await Promise.allSettled([converse2(world, input)])
      await untilLeft(endless)
      const told = await world.settle()
      if (talk.status === 'rejected') throw talk.reason
      check2(world, input, talk.value, sent, told)
    }
  },

  * shrink (input) {
    const isReadable = ({ requests }: Input): boolean => requests.every(({ reply: { steps, endless } }) => isLegible(steps.filter(step => typeof step === 'string').join('') + endless))
    const readable = isReadable(input)
    for (const each of smaller(input) as Iterable<Input>) {
      const { client, requests } = each
      if (readable && !isReadable(each)) continue
      if (/^HTTP\/(?:1\.1|2)$/.test(client) && requests.every(({ form, method, reply: { end } }) => form in PATHS && /^[A-Z]{3,}$/.test(method) && ['stay', 'fin', 'rst'].includes(end))) yield each
    }
  }
}

export default fuzzer
