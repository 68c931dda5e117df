import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import type { OutgoingRequest, ReverseClient } from '../../../lib/proxy/reverse/client.js'
import { Retrying } from '../../../lib/proxy/reverse/retry.js'
import type { RetryOptions } from '../../../lib/proxy/reverse/retry.js'
import { until } from '../../fixtures/until.js'

type Handler = Dispatcher.DispatchHandler

/** What comes of each time that a request is sent: a status with its fields, or a failure. */
type Outcome = { status: number, headers?: Record<string, string> } | Error

interface Case {
  outcomes: Outcome[]
  options?: RetryOptions
  methods?: string[]
  method?: string
  fields?: string[]
  reply?: object
}

/** Sends a request, and returns what its handler hears. */
async function sent (t: Test, { outcomes, options = {}, methods = ['GET'], method = 'GET', fields = [], reply = {} }: Case): Promise<{ heard: unknown[], count: number, waits: number[] }> {
  const heard: unknown[] = []
  const waits: number[] = []
  let count = 0
  const timers = t.intercept(globalThis, 'setTimeout', { value: (call: () => void, wait: number) => { waits.push(wait); setImmediate(call) } })
  const client = {
    send (_outgoing: OutgoingRequest, handler: Handler) {
      const outcome = outcomes[count++]!
      const controller = { abort: (reason: Error) => { handler.onResponseError?.(controller as never, reason) } }
      handler.onRequestStart?.(controller as never, {})
      if (outcome instanceof Error) return handler.onResponseError?.(controller as never, outcome)
      handler.onResponseStart?.(controller as never, outcome.status, outcome.headers ?? {})
      handler.onResponseData?.(controller as never, Buffer.from('x'))
      handler.onResponseEnd?.(controller as never, {})
    }
  } as unknown as ReverseClient
  let started = 0
  const handler: Handler = {
    onRequestStart: () => { started += 1 },
    onResponseStart: (_controller, status) => { heard.push(status) },
    onResponseData: () => { heard.push('data') },
    onResponseEnd: () => { heard.push('end') },
    onResponseError: (_controller, error) => { heard.push(error) }
  }
  const outgoing = { method, fields, reply: { sent: false, raw: { destroyed: false }, ...reply } } as unknown as OutgoingRequest
  client.send(outgoing, new Retrying(handler, outgoing, client, options, new Set(methods)))
  await until(() => heard.length > 0 || count > outcomes.length)
  timers.restore()
  t.equal(started, count, 'the handler knows how to end each of them')
  return { heard, count, waits }
}

const lost = (code = 'UND_ERR_SOCKET'): Error => Object.assign(new Error('lost'), { code })

t.test('a 503 to a GET: sent again until there is another response, at most ten times', async t => {
  t.match(await sent(t, { outcomes: [{ status: 503 }, { status: 503 }, { status: 200 }] }), { heard: [200, 'data', 'end'], count: 3 })
  t.match(await sent(t, { outcomes: Array(12).fill({ status: 503 }) }), { heard: [503, 'data', 'end'], count: 11 })
  t.match(await sent(t, { outcomes: Array(12).fill({ status: 503 }), options: { maxRetriesOn503: 2 } }), { count: 3 })
})

t.test('a 503 that must not be retried: it goes on', async t => {
  const once: Array<Omit<Case, 'outcomes'>> = [
    { method: 'POST', methods: ['POST'] }, { methods: ['HEAD'] }, { fields: ['Content-Length', '3'] }, { options: { retriesCount: 3 } },
    { reply: { sent: true } }, { reply: { raw: { destroyed: true } } }
  ]
  for (const each of once) t.match(await sent(t, { outcomes: [{ status: 503 }], ...each }), { heard: [503, 'data', 'end'], count: 1 }, JSON.stringify(each))
})

t.test('a connection that is lost: sent again as often as retriesCount says', async t => {
  t.match(await sent(t, { outcomes: [lost(), lost('ECONNRESET'), { status: 200 }], options: { retriesCount: 2 } }), { heard: [200, 'data', 'end'], count: 3 })
  t.match(await sent(t, { outcomes: [lost(), lost()], options: { retriesCount: 1 } }), { heard: [{ code: 'UND_ERR_SOCKET' }], count: 2 })
  t.match(await sent(t, { outcomes: [lost()] }), { heard: [{ code: 'UND_ERR_SOCKET' }], count: 1 })
  t.match(await sent(t, { outcomes: [lost('ECONNREFUSED')], options: { retriesCount: 2 } }), { heard: [{ code: 'ECONNREFUSED' }], count: 1 })
})

t.test('the wait before a retry: as long as the upstream or the options say, and no longer than a timer can', async t => {
  const after = (value: string) => [{ status: 503, headers: { 'retry-after': value } }, { status: 200 }]
  t.match(await sent(t, { outcomes: after('7') }), { waits: [7] })
  t.match(await sent(t, { outcomes: after('Sat, 01 Jan 2000 00:00:00 GMT') }), { waits: [1] })
  t.match(await sent(t, { outcomes: after('99999999999') }), { waits: [2 ** 31 - 1] })
  const { waits } = await sent(t, { outcomes: [{ status: 503 }, { status: 200 }] })
  t.ok(waits[0]! <= 42)
})

t.test('retryDelay of the options: it alone decides, and may ask what would be done without it', async t => {
  const asked: unknown[] = []
  const options: RetryOptions = {
    retriesCount: 1,
    retryDelay ({ err, req, res, attempt, getDefaultDelay, retriesCount }) {
      asked.push([err, res?.statusCode, attempt, retriesCount, getDefaultDelay(req, res, err, attempt) !== null])
      return attempt < 2 ? 1 : null
    }
  }
  const failure = lost()
  t.match(await sent(t, { outcomes: [failure, { status: 418 }, { status: 204 }], options, method: 'GET' }), { heard: [204, 'data', 'end'], count: 3 })
  t.strictSame(asked, [[failure, undefined, 0, 1, true], [null, 418, 1, 1, false], [null, 204, 2, 1, false]])
})

t.test('interim responses and upgrades: they go on as they come', async t => {
  const heard: unknown[] = []
  const handler: Handler = { onResponseStart: (_controller, status) => { heard.push(status) }, onRequestUpgrade: (_controller, status) => { heard.push(status) } }
  const retrying = new Retrying(handler, { method: 'GET', fields: [], reply: {} } as never, {} as never, {}, new Set())
  retrying.onRequestStart({} as never, {})
  retrying.onResponseStart({} as never, 103, {})
  retrying.onRequestUpgrade({} as never, 101, {}, {} as never)
  t.strictSame(heard, [103, 101])
})

t.test('the client leaves while it waits to be sent again, over HTTP/1.1 and HTTP/2: it is not sent', async t => {
  for (const http2 of [false, true]) {
    const state = { destroyed: false, closed: false }
    const raw = http2 ? { stream: state } : state
    let fire!: () => void
    const timers = t.intercept(globalThis, 'setTimeout', { value: (call: () => void) => { fire = call } })
    let count = 0
    const client = { send () { count += 1 } } as unknown as ReverseClient
    const outgoing = { method: 'GET', fields: [], reply: { sent: false, raw } } as unknown as OutgoingRequest
    const retrying = new Retrying({}, outgoing, client, { retryDelay: () => 1 }, new Set())
    retrying.onResponseError({} as never, lost())
    state.destroyed = true
    fire()
    retrying.onResponseError({} as never, lost())
    timers.restore()
    t.equal(count, 0)
  }
})
