import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { sendAsterisk } from '../../../lib/proxy/upstream/options-asterisk.js'
import type { Asterisk } from '../../../lib/proxy/upstream/options-asterisk.js'
import { origin } from '../../fixtures/origin.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'

const PATIENT = { headersTimeout: 60_000, bodyTimeout: 60_000, maxResponseHead: 65_536, content: null, fields: ['Host', 'a.test', 'X-A', '1', 'x-a', '2'] }

async function * content (...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk)
}

/** What a handler is told, until it is told that all is over, and what the origin got. */
async function exchange (t: Test, answer: string | null, options: Partial<Asterisk> = {}, handler: Dispatcher.DispatchHandler = {}) {
  const origin = await rawOrigin(t, socket => {
    if (answer === null) socket.end()
    else socket.write(answer, 'latin1')
  })
  const events: unknown[][] = []
  await new Promise<void>(resolve => {
    sendAsterisk(connect(origin.port, '127.0.0.1'), { ...PATIENT, ...options }, {
      onRequestStart: controller => { handler.onRequestStart?.(controller, {}) },
      onResponseStart: (controller, status, _headers, reason) => {
        events.push([status, reason, controller.rawHeaders])
        handler.onResponseStart?.(controller, status, {})
      },
      onResponseData: (controller, chunk) => {
        events.push([String(chunk)])
        handler.onResponseData?.(controller, chunk)
      },
      onResponseEnd: controller => { events.push(['end', controller.rawTrailers]); resolve() },
      onResponseError: (_controller, error) => { events.push([(error as Error & { code: string }).code]); resolve() }
    })
  })
  return { events, received: origin.received[0] }
}

t.test('OPTIONS *: the target is sent in asterisk-form, the fields as they are, and the whole response is reported (R-TGT-5)', async t => {
  const { events, received } = await exchange(t, 'HTTP/1.1 200 \xc3\x87a\r\nAllow: GET\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n')
  t.equal(received, 'OPTIONS * HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n')
  t.strictSame(events, [[200, 'Ça', ['Allow', 'GET', 'Transfer-Encoding', 'chunked']], ['ok'], ['end', ['X-T', '1']]])
})

t.test('a head of more lines than node keeps by itself: all of them are told, so are all trailers (F-22)', async t => {
  const lines = 'a:\r\n'.repeat(1200)
  const { events } = await exchange(t, `HTTP/1.1 200 OK\r\n${lines}Transfer-Encoding: chunked\r\n\r\n0\r\n${lines}b: 1\r\n\r\n`)
  const [[,, head], [, trailers]] = events as [[unknown, unknown, string[]], [unknown, string[]]]
  t.equal(head.length, 2402)
  t.strictSame(head.slice(-2), ['Transfer-Encoding', 'chunked'])
  t.strictSame(trailers.slice(-2), ['b', '1'])
})

t.test('interim responses: they are reported, except a 100 that was not asked for', async t => {
  const { events } = await exchange(t, 'HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n')
  t.strictSame(events, [[103, 'Early', ['Link', 'x']], [204, 'No', []], ['end', []]])
})

t.test('time limits of 0: the response is reported, and there is no limit', async t => {
  t.strictSame((await exchange(t, 'HTTP/1.1 204 No\r\n\r\n', { headersTimeout: 0, bodyTimeout: 0 })).events, [[204, 'No', []], ['end', []]])
})

t.test('a head is larger than it may be: it is no answer (F-13)', async t => {
  const answer = `HTTP/1.1 204 No\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`
  t.match((await exchange(t, answer)).events, [[204], ['end']])
  t.strictSame((await exchange(t, answer, { maxResponseHead: 10_000 })).events, [['HPE_HEADER_OVERFLOW']])
})

t.test('a handler cannot write what it is told: it is told of its own error, and nothing is thrown in an event (F-21)', async t => {
  const unwritable = () => { throw Object.assign(new Error('x'), { code: 'UNWRITABLE' }) }
  const head = await exchange(t, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', {}, { onResponseStart: unwritable })
  t.strictSame(head.events, [[200, 'OK', ['Content-Length', '2']], ['UNWRITABLE']])
  const { port } = await rawOrigin(t, socket => { socket.end('HTTP/1.1 204 No\r\n\r\n') })
  const error = await new Promise<unknown>(resolve => {
    sendAsterisk(connect(port, '127.0.0.1'), PATIENT, { onResponseEnd: unwritable, onResponseError: (_controller, given) => { resolve(given) } })
  })
  t.match(error, { code: 'UNWRITABLE' })
})

t.test('content of the request: it is sent along, framed as it came', async t => {
  const { port, seen } = await origin(t)
  const send = async (fields: string[]) => {
    await new Promise<unknown>(resolve => {
      sendAsterisk(connect(port, '127.0.0.1'), { ...PATIENT, content: content('ab', 'c'), fields }, { onResponseEnd: resolve, onResponseError: resolve })
    })
    return seen.pop()
  }
  const { headers, body } = (await send(['Host', 'a.test', 'content-length', '3']))!
  t.strictSame([headers, String(body)], [{ host: 'a.test', 'content-length': '3', connection: 'close' }, 'abc'])
  t.match(await send(['Host', 'a.test']), { headers: { 'transfer-encoding': 'chunked', connection: 'close' }, body: Buffer.from('abc') })
})

t.test('content that fails: the exchange ends with its error', async t => {
  const failing = async function * (): AsyncGenerator<Buffer> {
    yield Buffer.from('a')
    throw Object.assign(new Error('gone'), { code: 'ECONNRESET' })
  }
  t.strictSame((await exchange(t, '', { content: failing() })).events, [['ECONNRESET']])
})

const FAILURES: Array<[name: string, answer: string | null, code: string, head?: number]> = [
  ['closes without an answer', null, 'ECONNRESET'],
  ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL'],
  ['does not speak HTTP', 'hello\r\n\r\n', 'HPE_INVALID_CONSTANT'],
  ['says nothing in time', '', 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT'],
  ['stalls in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na', 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT', 200],
  ['breaks off the body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nxx\r\n', 'HPE_INVALID_CHUNK_SIZE', 200]
]
for (const [name, answer, code, head] of FAILURES) {
  t.test(`an origin that ${name} is told of once`, async t => {
    const limits = code !== 'FST_PROXY_AUTH_UPSTREAM_TIMEOUT' ? {} : head === undefined ? { headersTimeout: 50 } : { bodyTimeout: 50 }
    const { events } = await exchange(t, answer, limits)
    t.strictSame(events.at(-1), [code])
    t.equal(events.filter(([what]) => what === code).length, 1)
    t.equal(events[0]?.[0], head ?? code)
  })
}

t.test('a pause of the handler: the response stops, and the pause is not taken for silence of the origin', async t => {
  const body = 'x'.repeat(4e6)
  const { events } = await exchange(t, `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, { bodyTimeout: 500 }, {
    onResponseData: controller => {
      if (controller.paused) return
      controller.pause()
      setTimeout(() => { controller.resume() }, 1500) // several times the timeout, once
      controller.pause = () => {}
    }
  })
  t.equal(events.slice(1, -1).map(([chunk]) => chunk).join(''), body)
})

t.test('an abort before or within the response: the exchange ends, and nothing more is reported', async t => {
  const reason = Object.assign(new Error('gone'), { code: 'GONE' })
  const early = await exchange(t, '', {}, { onRequestStart: controller => { controller.abort(reason) } })
  t.strictSame(early.events, [['GONE']])
  let aborted: Dispatcher.DispatchController | undefined
  const late = await exchange(t, 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na', {}, {
    onResponseData: controller => { aborted = controller; controller.abort(reason) }
  })
  t.equal(late.events.length, 3)
  t.match(aborted, { aborted: true, reason })
  const refused = await exchange(t, 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc', {}, { onResponseStart: controller => { controller.abort(reason) } })
  t.strictSame(refused.events.map(([what]) => what), [200, 'GONE'], 'and nothing is told behind it')
})
