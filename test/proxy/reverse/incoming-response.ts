import { Socket } from 'node:net'
import t from 'tap'
import { IncomingResponse } from '../../../lib/proxy/reverse/incoming-response.js'
import type { ResponseHead } from '../../../lib/proxy/reverse/incoming-response.js'
import type { Switched } from '../../../lib/proxy/upgrade/switch-protocols.js'

/** An answer, the controller that undici would have, and what became known. */
function answer () {
  const told = { interim: [] as unknown[], failures: [] as unknown[], heads: [] as ResponseHead[], switched: [] as Switched[] }
  const controller = {
    aborted: false,
    paused: false,
    reason: null as Error | null,
    rawHeaders: undefined as string[] | Buffer[] | undefined,
    rawTrailers: undefined as string[] | undefined,
    abort (reason: Error) { this.reason ??= reason },
    pause () { this.paused = true },
    resume () { this.paused = false }
  }
  const incoming = new IncomingResponse({
    interim: (...args) => { told.interim.push(args) },
    switch: switched => {
      told.switched.push(switched)
      if (switched.status !== 101) throw new Error('no 101')
    },
    settle: (failure, head) => {
      if (failure !== null) told.failures.push(failure)
      if (head !== undefined) told.heads.push(head)
    }
  })
  return { incoming, controller, told }
}

t.test('an answer with all its parts', async t => {
  const { incoming, controller, told } = answer()
  incoming.onRequestStart(controller)
  controller.rawHeaders = ['Link', '</a>']
  incoming.onResponseStart(controller, 103, { link: '</a>' }, 'Early Hints')
  controller.rawHeaders = [Buffer.from('X-A'), Buffer.from('\xe9', 'latin1')]
  incoming.onResponseStart(controller, 200, { 'x-a': '\xe9' }, 'Fine')
  incoming.onResponseData(controller, Buffer.from('con'))
  incoming.onResponseData(controller, Buffer.from('tent'))
  controller.rawTrailers = ['X-T', '1']
  incoming.onResponseEnd(controller, { 'x-t': '1' })

  t.same(told.interim, [[103, 'Early Hints', ['Link', '</a>']]])
  t.match(told.heads, [{ statusCode: 200, headers: { 'x-a': '\xe9' }, body: incoming }])
  t.same(incoming.rawHeaders, ['X-A', '\xe9'], 'one char per octet')
  t.equal(incoming.statusMessage, 'Fine')
  t.equal(Buffer.concat(await incoming.toArray()).toString(), 'content')
  t.same(incoming.rawTrailers, ['X-T', '1'])
  t.same(told.failures, [])
})

t.test('an interceptor that keeps the raw lines for itself', async t => {
  const { incoming, controller } = answer()
  incoming.onResponseStart(controller, 200, { 'x-a': ['1', '2'], 'x-b': undefined })
  incoming.onResponseEnd(controller, { 'x-t': '1' })
  t.same(incoming.rawHeaders, ['x-a', '1', 'x-a', '2'])
  t.same(incoming.rawTrailers, ['x-t', '1'])
})

t.test('a failure before the answer is told, one within it fails the stream', async t => {
  const before = answer()
  before.incoming.onResponseError(before.controller, new Error('early'))
  t.match(before.told.failures, [{ message: 'early' }])

  const within = answer()
  within.incoming.onResponseStart(within.controller, 200, {})
  within.incoming.onResponseError(within.controller, new Error('late'))
  t.same(within.told.failures, [], 'settled once')
  await t.rejects(within.incoming.toArray(), { message: 'late' })
})

t.test('back-pressure', async t => {
  const { incoming, controller } = answer()
  incoming.onRequestStart(controller)
  incoming.onResponseStart(controller, 200, {})
  incoming.onResponseData(controller, Buffer.alloc(1024))
  t.notOk(controller.paused)
  incoming.onResponseData(controller, Buffer.alloc(1024 * 1024))
  t.ok(controller.paused)
  while (incoming.read() !== null); // node 26 gives one piece at a time (F-73)
  t.notOk(controller.paused)
})

t.test('destroying it ends the exchange, whenever', async t => {
  const early = answer()
  early.incoming.destroy()
  early.incoming.onRequestStart(early.controller)
  t.match(early.controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' }, 'before it was sent')

  const waiting = answer()
  waiting.incoming.onRequestStart(waiting.controller)
  waiting.incoming.destroy()
  t.match(waiting.controller.reason, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' }, 'before an answer')

  const failing = answer()
  failing.incoming.onRequestStart(failing.controller)
  failing.incoming.destroy(new Error('why'))
  t.match(failing.controller.reason, { message: 'why' }, 'with a reason, and nobody listening')
})

t.test('what is no HTTP, or still coded, is no answer', async t => {
  for (const [status, headers] of [[99, {}], [200, { 'transfer-encoding': 'gzip, chunked' }], [200, { 'transfer-encoding': ['gzip', 'chunked'] }]] as const) {
    const { incoming, controller, told } = answer()
    incoming.onRequestStart(controller)
    incoming.onResponseStart(controller, status, headers as never)
    t.match(controller.reason, { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
    t.same([told.heads, told.interim], [[], []])
  }
  const { incoming, controller, told } = answer()
  incoming.onResponseStart(controller, 200, { 'transfer-encoding': 'Chunked' })
  t.equal(told.heads.length, 1)
  incoming.onResponseEnd(controller, {})
  t.same(incoming.rawTrailers, [])
})

t.test('a consent to another protocol is passed on, and nothing is aborted from then on (R-UPG-3)', async t => {
  for (const status of [101, 200]) {
    const { incoming, controller, told } = answer()
    incoming.onRequestStart(controller)
    if (status === 101) controller.rawHeaders = ['Upgrade', 'chat']
    const socket = new Socket()
    incoming.onRequestUpgrade(controller, status, { upgrade: 'chat' }, socket)
    t.same(told.switched, [{ status, fields: [status === 101 ? 'Upgrade' : 'upgrade', 'chat'], socket }])
    t.equal(told.failures.length, status === 101 ? 0 : 1)
    incoming.destroy()
    t.equal(controller.reason, null)
  }
})

t.test('a 101 that switches to nothing is no interim answer (R-UPG-3)', async t => {
  const { incoming, controller, told } = answer()
  incoming.onRequestStart(controller)
  incoming.onResponseStart(controller, 101, {})
  t.match(controller.reason, { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  t.strictSame(told.interim, [])
})
