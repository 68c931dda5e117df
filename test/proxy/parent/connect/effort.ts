import { Duplex, PassThrough } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { Effort, undertake } from '../../../../lib/proxy/parent/connect/effort.js'
import { socketPair } from '../../../fixtures/socket-pair.js'

const never = new Promise<never>(() => {})
const REASON = new Error('the reason')

t.test('an effort that ends: what is waited for fails with its first reason, and what is held is destroyed', async t => {
  const effort = new Effort()
  const [first, second] = [effort.hold(new PassThrough()), effort.hold(new PassThrough())]
  const step = Promise.resolve(effort.wait(never))
  effort.end(REASON)
  effort.end(new Error('another'))
  await t.rejects(step, REASON)
  t.throws(() => effort.wait(1), REASON, 'no further step is taken')
  await t.rejects(Promise.resolve(effort.wait(Promise.reject(new Error('theirs')))), REASON, 'nor is one that comes later')
  t.equal(effort.reason, REASON)
  t.equal(second.destroyed, true)
  t.equal(first.destroyed, false, 'it was held no more')
  t.equal(effort.hold(new PassThrough()).destroyed, true, 'what comes behind the end')
  t.equal(new Effort().hold({ destroy: () => {} }) instanceof Duplex, false, 'what is held may be no stream')
})

t.test('a step that is done already: it is taken at once', async t => {
  t.equal(new Effort().wait(1), 1)
})

t.test('steps with a time limit: they end the effort when it is over, and no timer stays behind', async t => {
  const effort = new Effort()
  t.equal(await effort.within(60_000, () => REASON, async () => 1), 1)
  t.equal(await effort.within(0, () => REASON, async () => 2), 2)
  await t.rejects(effort.within(60_000, () => REASON, async () => { throw new Error('theirs') }), { message: 'theirs' })
  t.equal(effort.reason, undefined)
  t.notOk(process.getActiveResourcesInfo().includes('Timeout'))
  await t.rejects(effort.within(1, () => REASON, () => never), REASON)
  t.equal(effort.reason, REASON)
})

t.test('what is held: it may fail, and what is let go of is as it was', async t => {
  const effort = new Effort()
  const stream = effort.hold(new PassThrough())
  stream.emit('error', REASON)
  effort.letGo()
  effort.letGo()
  t.equal(stream.listenerCount('error'), 0)
  effort.destroy()
  t.equal(stream.destroyed, false)
  effort.hold(stream)
  effort.destroy()
  t.equal(stream.destroyed, true)
  t.equal(await effort.wait(1), 1, 'the effort goes on')
})

/** What comes of steps, and what gives them up. */
function undertaken (steps: (effort: Effort) => Promise<Socket>) {
  let giveUp!: () => void
  const result = new Promise<Error | Socket>(resolve => {
    giveUp = undertake(steps, cause => Object.assign(cause as Error, { called: 'so' }), (failure, socket) => resolve(failure ?? socket!))
  })
  return { result, giveUp }
}

t.test('steps that give a connection: it is the taker\'s', async t => {
  const { near: socket } = await socketPair(t)
  t.equal(await undertaken(async effort => effort.hold(socket)).result, socket)
  t.equal(socket.listenerCount('error'), 0)
})

t.test('steps that fail: the failure has its name, and nothing is left open', async t => {
  const { near: socket } = await socketPair(t)
  const { result } = undertaken(async effort => {
    effort.hold(socket)
    throw REASON
  })
  t.strictSame(await result, REASON)
  t.match(REASON, { called: 'so' })
  t.equal(socket.destroyed, true)
})

t.test('a connection that is lost before it is taken: it is a failure', async t => {
  const { near: socket } = await socketPair(t)
  t.match(await undertaken(async effort => effort.hold(socket).destroy()).result, { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' })
})

t.test('steps that are given up: nothing comes of them, be it before or behind the last one', async t => {
  for (const last of [never, undefined]) {
    const { near: socket } = await socketPair(t)
    const { result, giveUp } = undertaken(async effort => {
      effort.hold(socket)
      if (last !== undefined) await effort.wait(last)
      return socket
    })
    giveUp()
    t.equal(socket.destroyed, true)
    t.equal(await Promise.race([result, new Promise(resolve => setImmediate(resolve, 'nothing'))]), 'nothing')
  }
})
