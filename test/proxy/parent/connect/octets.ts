import t from 'tap'
import type { Test } from 'tap'
import { Effort } from '../../../../lib/proxy/parent/connect/effort.js'
import { Octets } from '../../../../lib/proxy/parent/connect/octets.js'
import type { RawClient } from '../../../fixtures/raw-client.js'
import { socketPair } from '../../../fixtures/socket-pair.js'
import { until } from '../../../fixtures/until.js'

async function lab (t: Test): Promise<{ far: RawClient, octets: Octets, effort: Effort, budget: { left: number } }> {
  const { near, far } = await socketPair(t)
  const effort = new Effort()
  return { far, effort, octets: new Octets(effort.hold(near), effort), budget: { left: 100 } }
}

const TOO_LARGE = { code: 'FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE' }
const PROTOCOL = { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' }

t.test('lines in pieces of any size: they are read one by one, and what is behind them stays in the connection', async t => {
  const { far, octets, budget } = await lab(t)
  far.send('one\r\n\r\nthr')
  t.equal(await octets.line(budget), 'one')
  t.equal(await octets.line(budget), '')
  const line = octets.line(budget)
  for (const each of ['e', 'e\xff', '\r', '\nrest']) {
    await new Promise(resolve => setImmediate(resolve))
    far.send(each)
  }
  t.equal(await line, 'three\xff')
  t.equal(budget.left, 100 - 15)
  t.equal(octets.waiting, true)
  const socket = octets.release()
  far.send(' and more').socket.end()
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  t.equal(text, 'rest and more')
})

t.test('octets that came together with the end: they are put back before it', async t => {
  const { far, octets, budget } = await lab(t)
  far.send('head\r\nrest').socket.end()
  t.equal(await octets.line(budget), 'head')
  const socket = octets.release()
  t.strictSame(['readable', 'end', 'close'].map(name => socket.listenerCount(name)), [0, 1, 0], 'node itself has one')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  t.equal(text, 'rest')
})

t.test('nothing behind what was read: nothing is put back', async t => {
  const { far, octets, budget } = await lab(t)
  far.send('head\r\n')
  await octets.line(budget)
  t.equal(octets.waiting, false)
  t.equal(octets.release().readableLength, 0)
})

t.test('a line with LF alone, or that does not begin as it must: it is refused at once, complete or not', async t => {
  for (const [text, beginning] of [['a\n', ''], ['a\rb\n', ''], ['HTTQ', 'HTTP/1.'], ['HTTP/2', 'HTTP/1.'], ['\x16\x03\x01', 'HTTP/1.']] as const) {
    const { far, octets, budget } = await lab(t)
    far.send(text)
    await t.rejects(octets.line(budget, beginning), PROTOCOL, JSON.stringify(text))
  }
  const { far, octets, budget } = await lab(t)
  far.send('HTTP')
  const line = octets.line(budget, 'HTTP/1.')
  await until(() => octets.waiting === false)
  far.send('/1.1\r\n')
  t.equal(await line, 'HTTP/1.1')
})

t.test('a line that is longer than may be read: it is refused before it has an end', async t => {
  const { far, octets } = await lab(t)
  far.send('a'.repeat(11))
  await t.rejects(octets.line({ left: 10 }), TOO_LARGE)
})

t.test('octets to be left out: no more than those are', async t => {
  const { far, octets, budget } = await lab(t)
  far.send('12345')
  await octets.skip(0)
  await octets.skip(2)
  const skipped = octets.skip(4)
  await until(() => !octets.waiting)
  far.send('6789\r\n')
  await skipped
  t.equal(await octets.line(budget), '789')
})

t.test('single octets: the one that comes next, and no other', async t => {
  const { far, octets, budget } = await lab(t)
  far.send('12\r\n')
  t.equal(String(await octets.octet()), '1')
  t.equal(await octets.line(budget), '2')
  const octet = octets.octet()
  far.socket.end()
  await t.rejects(octet, octets.loss)
})

t.test('a connection that ends, is reset or closed here: nothing more comes, and it is known why', async t => {
  const ended = await lab(t)
  ended.far.socket.end()
  t.equal(await ended.octets.some(), false)
  t.match(ended.octets.loss, { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' })
  await t.rejects(ended.octets.line(ended.budget), ended.octets.loss)
  await t.rejects(ended.octets.skip(1), ended.octets.loss)
  const reset = await lab(t)
  const some = reset.octets.some()
  reset.far.socket.resetAndDestroy()
  t.equal(await some, false)
  t.match(reset.octets.loss, { code: 'ECONNRESET' })
})

t.test('an effort that ends while it waits: the wait fails with its reason', async t => {
  const { octets, effort } = await lab(t)
  const reason = new Error('the reason')
  const some = octets.some()
  effort.end(reason)
  await t.rejects(some, reason)
})
