// A client of HTTP/2 that sends frames as given, in any order, and reads all that comes under RFC 9113.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Finding } from './finding.js'
import { FieldReader, writeFields } from './hpack.js'
import { valuesOf } from './message.js'
import type { Field } from './message.js'
import { PATIENCE } from './world.js'
import type { World } from './world.js'

export const FRAME = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6, away: 7, window: 8, continuation: 9 } as const
const END_STREAM = 1
const ACK = 1
const END_HEADERS = 4
const PADDED = 8
const PRIORITY = 32

/** What a client does. Texts have one char per octet; in fields and data placeholders are filled, `<self>` is the gateway. */
export type Http2Step =
  /** HEADERS, and as many CONTINUATIONs as there are further parts. */
  | { readonly fields: readonly Field[], readonly stream: number, readonly end?: boolean, readonly parts?: number, readonly pad?: number, readonly weight?: number }
  | { readonly data: string, readonly stream: number, readonly end?: boolean, readonly pad?: number }
  /** Any frame. */
  | { readonly frame: number, readonly flags: number, readonly stream: number, readonly payload: string }
  | { readonly octets: string }
  | { readonly pause: number }
  /** Until the final response of a stream begins. */
  | { readonly wait: number }
  | { readonly read: boolean }

export interface Http2Dialogue {
  readonly listener: 'h2c' | 'h2'
  /** Pairs of the first SETTINGS. */
  readonly settings: ReadonlyArray<readonly [number, number]>
  readonly steps: readonly Http2Step[]
  /** Open windows as data comes. */
  readonly credit: boolean
  /** How it leaves: `fin` ends its streams and waits for theirs, `away` says GOAWAY and leaves, `rst` resets. */
  readonly end: 'fin' | 'away' | 'rst'
}

/** What was sent and what came on a stream. */
export interface Http2Exchange {
  /** The fields of its first HEADERS, and of others behind them. */
  fields: readonly Field[]
  trailers: readonly Field[]
  content: string
  /** The client has sent END_STREAM. */
  ended: boolean
  /** It has sent RST_STREAM, or nothing is to come for another reason. */
  reset: boolean
  readonly interim: number[]
  /** The final response: `null` until it has come. */
  response: readonly Field[] | null
  received: string
  /** When the last of it came, as of `Date.now()`. */
  latest: number
  /** Nothing more comes. */
  done: boolean
  /** The code of the gateway's RST_STREAM. */
  refused: number | null
}

export interface Http2Conversation {
  sent: string
  received: string
  closed: boolean
  readonly exchanges: Map<number, Http2Exchange>
  /** Streams without an end, although the client has waited for it. */
  waiting: number[]
  /** Those of them on which content was still coming. */
  busy: number[]
  /** The code of the gateway's GOAWAY. */
  away: number | null
  /** Those behind it have not been looked at: the client may send them again. */
  lastStream: number
}

const OF_CONNECTIONS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/

/**
 * A client's connection, from its preface to its end.
 *
 * @throws {Finding} What came is not HTTP/2.
 */
export async function converseHttp2 (world: World, { listener, settings, steps, credit, end }: Http2Dialogue): Promise<Http2Conversation> {
  const port = world.ports[listener]
  const bare = connect({ host: '127.0.0.1', port, noDelay: true })
  const socket: Socket = listener === 'h2' ? connectTls({ socket: bare, rejectUnauthorized: false, ALPNProtocols: ['h2'] }) : bare
  const exchanges = new Map<number, Http2Exchange>()
  const conversation: Http2Conversation = { sent: '', received: '', closed: false, exchanges, waiting: [], busy: [], away: null, lastStream: Infinity }
  const reader = new FieldReader()
  let rest = Buffer.alloc(0)
  let block: { stream: number, ends: boolean, parts: Buffer[] } | null = null
  let fault: Finding | null = null
  let wake = (): void => {}

  /** The gateway has said that it is an error of the connection: no more comes. */
  /** Octets were sent that are no frame: what comes behind may be the rest of one that has not come to its end. */
  let garbled = false
  const broken = (): boolean => conversation.away !== null && conversation.away > 0
  const write = (type: number, flags: number, stream: number, payload: Buffer): void => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head[4] = flags
    head.writeUInt32BE(stream >>> 0, 5)
    if (!socket.destroyed) socket.write(Buffer.concat([head, payload]))
  }
  const uint32 = (value: number): Buffer => {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(value)
    return payload
  }

  function receive (chunk: Buffer): void {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3)
      if (rest.length < 9 + length) return
      frame(rest[3]!, rest[4]!, rest.readUInt32BE(5) & 0x7fffffff, rest.subarray(9, 9 + length))
      rest = rest.subarray(9 + length)
    }
  }

  function frame (type: number, flags: number, stream: number, payload: Buffer): void {
    if (block !== null && type !== FRAME.continuation) throw new Finding('a frame inside a block of fields', { type, stream })
    if (type === FRAME.settings) {
      if ((flags & ACK) === 0) write(FRAME.settings, ACK, 0, Buffer.alloc(0))
    } else if (type === FRAME.ping) {
      if ((flags & ACK) === 0) write(FRAME.ping, ACK, 0, payload)
    } else if (type === FRAME.away) {
      conversation.lastStream = payload.readUInt32BE(0)
      conversation.away = payload.readUInt32BE(4)
    } else if (type === FRAME.window) {
      if (payload.readUInt32BE(0) === 0) throw new Finding('a WINDOW_UPDATE of nothing', stream)
    } else if (type === FRAME.headers) block = { stream, ends: (flags & END_STREAM) !== 0, parts: [] }
    else if (type === FRAME.data) data(stream, flags, payload)
    else if (type === FRAME.reset) {
      const exchange = asked(stream, type)
      exchange.refused = payload.readUInt32BE(0)
      exchange.done = true
    } else if (type !== FRAME.continuation) throw new Finding('a frame of an odd type', type)
    if (type === FRAME.headers || type === FRAME.continuation) {
      if (block === null) throw new Finding('a CONTINUATION of nothing', stream)
      block.parts.push(Buffer.from(payload))
      if ((flags & END_HEADERS) === 0) return
      const { parts, ends } = block
      block = null
      fields(stream, reader.read(Buffer.concat(parts)), ends)
    }
  }

  function asked (stream: number, type: number): Http2Exchange {
    const exchange = exchanges.get(stream)
    if (exchange === undefined) throw new Finding('a frame of a stream that nobody opened', { stream, type })
    return exchange
  }

  function fields (stream: number, got: Field[], ends: boolean): void {
    const exchange = asked(stream, FRAME.headers)
    conversation.received += got.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    if (exchange.done) throw new Finding('fields behind the end of a stream', got)
    for (const [name, value] of got) {
      if (!NAME.test(name) || OF_CONNECTIONS.has(name) || /[\r\n\0]/.test(value)) throw new Finding('a field that HTTP/2 has not', [name, value])
    }
    if (exchange.response === null) {
      const [status, ...others] = valuesOf(got, ':status')
      if (got[0]?.[0] !== ':status' || others.length > 0 || !/^[1-9]\d\d$/.test(status!) || status === '101') throw new Finding('no status', got)
      if (got.filter(([name]) => name.startsWith(':')).length > 1) throw new Finding('a pseudo-field too many', got)
      if (Number(status) < 200) {
        if (ends) throw new Finding('an interim response that ends its stream', got)
        exchange.interim.push(Number(status))
      } else exchange.response = got
    } else if (!ends || got.some(([name]) => name.startsWith(':'))) throw new Finding('a response too many', got)
    if (ends) finish(exchange)
  }

  function data (stream: number, flags: number, payload: Buffer): void {
    const exchange = asked(stream, FRAME.data)
    if (exchange.response === null) throw new Finding('content before its response', stream)
    if (exchange.done) throw new Finding('content behind the end of a stream', stream)
    const text = ((flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - payload[0]!)).toString('latin1')
    exchange.received += text
    exchange.latest = Date.now()
    conversation.received += text
    if (credit && payload.length > 0) {
      write(FRAME.window, 0, 0, uint32(payload.length))
      write(FRAME.window, 0, stream, uint32(payload.length))
    }
    if ((flags & END_STREAM) !== 0) finish(exchange)
  }

  function finish (exchange: Http2Exchange): void {
    exchange.done = true
    const [status = ''] = valuesOf(exchange.response!, ':status')
    const lengths = valuesOf(exchange.response!, 'content-length')
    const [method] = valuesOf(exchange.fields, ':method')
    if (method === 'HEAD' || status === '304') return
    if (lengths.length > 1 || (lengths.length === 1 && Number(lengths[0]) !== exchange.received.length)) {
      throw new Finding('content of another length', { lengths, received: exchange.received.length, method, status })
    }
  }

  socket.on('data', (chunk: Buffer) => {
    try {
      if (fault === null) receive(chunk)
    } catch (error) {
      fault = error instanceof Finding ? error : new Finding('what came is not HTTP/2', (error as Error).stack)
    }
    wake()
  })
  bare.once('connect', () => { world.connections += 1 })
  for (const each of [bare, socket]) each.on('error', () => {})
  socket.on('close', () => { conversation.closed = true; wake() })
  const wakened = async (limit: number): Promise<void> => await new Promise(resolve => {
    const timer = setTimeout(resolve, limit)
    wake = () => { clearTimeout(timer); wake = () => {}; resolve() }
  })
  const over = (): boolean => conversation.closed || fault !== null
  const until = async (is: () => boolean, limit: number): Promise<void> => {
    const last = Date.now() + limit
    while (!is() && !over() && Date.now() < last) await wakened(last - Date.now())
  }
  const fill = async (text: string): Promise<string> => {
    const filled = await world.fill(text.replaceAll('<self>', `127.0.0.1:${port}`))
    conversation.sent += `${filled}\r\n`
    return filled
  }

  async function take (step: Http2Step): Promise<void> {
    if ('pause' in step) return await wakened(step.pause)
    if ('wait' in step) return await until(() => [null, undefined].every(none => exchanges.get(step.wait)?.response !== none) || exchanges.get(step.wait)?.done === true, 200)
    if ('read' in step) {
      if (step.read) socket.resume()
      else socket.pause()
      return
    }
    if ('octets' in step) {
      const octets = await fill(step.octets)
      if (!socket.destroyed) socket.write(octets, 'latin1')
      garbled = true
      return
    }
    const { stream } = step
    if ('frame' in step) {
      write(step.frame, step.flags, stream, Buffer.from(await fill(step.payload), 'latin1'))
      const exchange = exchanges.get(stream)
      if (exchange !== undefined && step.frame === FRAME.reset) exchange.reset = true
      return
    }
    const pad = step.pad ?? 0
    const flags = (step.end === true ? END_STREAM : 0) | (step.pad === undefined ? 0 : PADDED)
    const padded = (payload: Buffer): Buffer => step.pad === undefined ? payload : Buffer.concat([Buffer.from([pad]), payload, Buffer.alloc(pad)])
    if ('data' in step) {
      const text = await fill(step.data)
      const exchange = exchanges.get(stream)
      if (exchange !== undefined && !exchange.ended && !exchange.reset) {
        exchange.content += text
        if (step.end === true) exchange.ended = true
      }
      for (let at = 0; at === 0 || at < text.length; at += 16_000) {
        const last = at + 16_000 >= text.length
        write(FRAME.data, last ? flags : flags & ~END_STREAM, stream, padded(Buffer.from(text.slice(at, at + 16_000), 'latin1')))
      }
      return
    }
    const filled: Field[] = []
    for (const [name, value] of step.fields) {
      // A signature brings further fields, in lines of their own.
      const [first = '', ...others] = (await fill(value)).split('\r\n')
      filled.push([name, first])
      for (const line of others) filled.push([line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])
    }
    const exchange = exchanges.get(stream)
    if (exchange === undefined) {
      // One that is opened behind a stream of a higher number is closed already (RFC 9113, 5.1.1).
      const reset = [...exchanges.keys()].some(other => other > stream)
      exchanges.set(stream, { fields: filled, trailers: [], content: '', ended: step.end === true, reset, interim: [], response: null, received: '', latest: 0, done: false, refused: null })
    } else if (!exchange.ended && !exchange.reset) {
      exchange.trailers = filled
      exchange.ended = step.end === true
    }
    const weight = step.weight === undefined ? Buffer.alloc(0) : Buffer.concat([uint32(0), Buffer.from([step.weight])])
    const octets = writeFields(filled)
    const size = Math.min(Math.ceil(octets.length / (step.parts ?? 1)), 16_000)
    for (let at = 0; at === 0 || at < octets.length; at += size) {
      const part = octets.subarray(at, at + size)
      const last = at + size >= octets.length ? END_HEADERS : 0
      if (at > 0) write(FRAME.continuation, last, stream, part)
      else write(FRAME.headers, flags | last | (step.weight === undefined ? 0 : PRIORITY), stream, padded(Buffer.concat([weight, part])))
    }
  }

  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const pairs = Buffer.alloc(settings.length * 6)
  settings.forEach(([id, value], i) => { pairs.writeUInt16BE(id, i * 6); pairs.writeUInt32BE(value >>> 0, i * 6 + 2) })
  write(FRAME.settings, 0, 0, pairs)
  for (const step of steps) {
    if (over()) break
    await take(step)
  }
  if (end === 'rst') bare.resetAndDestroy()
  else {
    socket.resume()
    if (end === 'fin') {
      for (const [stream, exchange] of exchanges) {
        if (!exchange.ended && !exchange.reset) {
          write(FRAME.data, END_STREAM, stream, Buffer.alloc(0))
          exchange.ended = true
        }
        write(FRAME.window, 0, stream, uint32(50_000_000))
      }
      write(FRAME.window, 0, 0, uint32(50_000_000))
      const waiting = () => [...exchanges].flatMap(([stream, { done, reset }]) => done || reset || stream > conversation.lastStream ? [] : [stream])
      await until(() => waiting().length === 0 || broken(), PATIENCE)
      if (!conversation.closed && !broken() && !garbled) conversation.waiting = waiting()
      conversation.busy = conversation.waiting.filter(stream => Date.now() - exchanges.get(stream)!.latest < 1000)
    }
    write(FRAME.away, 0, 0, Buffer.alloc(8))
    socket.end()
    await until(broken, PATIENCE)
  }
  // It keeps the connection of an error for a while.
  const closed = conversation.closed || broken()
  socket.destroy()
  bare.destroy()
  conversation.closed = closed || end === 'rst'
  if (fault !== null) throw fault
  return conversation
}
