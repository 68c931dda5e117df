import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { LANE_CLOSED, Lane, Lanes } from '../../../../lib/proxy/parent/absolute/lanes.js'
import type { LaneOwner } from '../../../../lib/proxy/parent/absolute/lanes.js'
import { certificate, openssl } from '../../../fixtures/certificate.js'
import { parentProxy } from '../../../fixtures/parent-proxy.js'
import type { ParentProxy } from '../../../fixtures/parent-proxy.js'
import { rawServer } from '../../../fixtures/raw-server.js'
import { tlsListener } from '../../../fixtures/tls-listener.js'
import { until } from '../../../fixtures/until.js'

async function laneTo (t: Test, { port }: Pick<ParentProxy, 'port'>, closed: (lane: Lane) => void = () => {}): Promise<Lane> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const lane: Lane = new Lane(socket, {}, () => closed(lane))
  t.teardown(() => lane.destroy())
  return lane
}

const send = async (lane: Lane, method: Dispatcher.HttpMethod = 'GET'): Promise<number | Error> => await new Promise(resolve => {
  let status = 0
  lane.send({ path: '/', method }, {
    onRequestStart () {},
    onResponseStart (_controller, its) { status = its },
    onResponseEnd () { resolve(status) },
    onResponseError (_controller, error) { resolve(error) }
  })
})

t.test('a lane: all of its requests are on its one connection, behind a HEAD too', async t => {
  const parent = await parentProxy(t)
  const lane = await laneTo(t, parent)
  for (const method of ['GET', 'HEAD', 'GET'] as const) t.equal(await send(lane, method), 200)
  t.strictSame(parent.seen.map(({ connection, fields }) => [connection, fields.connection]), [[1, 'keep-alive'], [1, 'keep-alive'], [1, 'keep-alive']])
})

t.test('a lane whose connection ends, before its first request or behind it: the next is told so, and no other connection is opened', async t => {
  const parent = await parentProxy(t)
  for (const before of [true, false]) {
    let closed = 0
    const lane = await laneTo(t, parent, () => { closed++ })
    if (!before) await send(lane)
    await until(() => parent.open.size === 1)
    const pending = parent.open.values().next().value as Socket
    pending.resetAndDestroy()
    await until(() => !lane.isOpen)
    t.equal(closed, 1)
    t.equal(await send(lane), LANE_CLOSED)
    t.equal(parent.open.size, 0)
  }
})

t.test('a lane that was destroyed: its connection is closed, and its request fails', async t => {
  const parent = await parentProxy(t, () => {})
  const lane = await laneTo(t, parent)
  const outcome = send(lane)
  await until(() => parent.seen.length === 1)
  lane.destroy()
  lane.destroy()
  t.type(await outcome, Error)
  await until(() => parent.open.size === 0)
})

t.test('a lane that is destroyed as its request is aborted, within a response that ends with the connection: nothing else fails', async t => {
  const port = await rawServer(t, socket => { socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf') })
  let isClosed = false
  const lane = await laneTo(t, { port }, () => { isClosed = true })
  const failure = new Error('aborted')
  const outcome = await new Promise<Error>(resolve => {
    lane.send({ path: '/', method: 'GET' }, {
      onRequestStart () {},
      onResponseData (controller) { controller.abort(failure) },
      onResponseEnd () { resolve(new Error('it is no end')) },
      onResponseError (_controller, error) {
        lane.destroy() // before undici does that
        resolve(error)
      }
    })
  })
  t.equal(outcome, failure)
  await until(() => isClosed) // undici is told of it next
})

t.test('a lane over TLS: it has the certificate of the parent', { skip: openssl.skip }, async t => {
  t.equal((await laneTo(t, await parentProxy(t))).certificate, undefined)
  const { key, cert } = certificate(t, 'parent.test')
  const { port } = await tlsListener(t, { key, cert })
  const socket = tlsConnect({ port, host: '127.0.0.1', ca: cert })
  await once(socket, 'secureConnect')
  const lane = new Lane(socket, {}, () => {})
  t.match(lane.certificate?.subject, 'CN=parent.test')
  lane.destroy()
})

t.test('lanes without a request: each is its owner\'s alone, the one used last is taken first', async t => {
  const parent = await parentProxy(t)
  const lanes = new Lanes()
  const [alice, bob]: LaneOwner[] = [{ key: 'alice', most: 2 }, { key: 'bob', most: 2 }]
  const [one, two, three] = [await laneTo(t, parent), await laneTo(t, parent), await laneTo(t, parent)]
  t.equal(lanes.take(alice!), undefined)
  lanes.give(one, alice!)
  lanes.give(two, alice!)
  lanes.give(three, bob!)
  t.strictSame([lanes.take(alice!), lanes.take(alice!), lanes.take(alice!)], [two, one, undefined])
  t.equal(lanes.size, 1)
})

t.test('more lanes than an owner may keep, or all may: the one used longest ago is closed', async t => {
  const parent = await parentProxy(t)
  const lanes = new Lanes()
  const alice = { key: 'alice', most: 2 }
  const own = [await laneTo(t, parent), await laneTo(t, parent), await laneTo(t, parent)]
  for (const lane of own) lanes.give(lane, alice)
  await until(() => !own[0]!.isOpen)
  t.strictSame([lanes.size, own[1]!.isOpen, own[2]!.isOpen], [2, true, true])
  for (let i = 0; i < 255; i++) lanes.give(await laneTo(t, parent), { key: String(i), most: 1 })
  t.equal(lanes.size, 256)
  await until(() => !own[1]!.isOpen)
  t.equal(lanes.take(alice), own[2])
})

t.test('a lane of an owner that keeps none, that is gone, or that has closed: it is not kept', async t => {
  const parent = await parentProxy(t)
  const lanes = new Lanes()
  const closed = await laneTo(t, parent, lane => { lanes.forget(lane) })
  lanes.give(closed, { key: 'a', most: 1 })
  closed.destroy()
  await until(() => lanes.size === 0)
  lanes.give(closed, { key: 'a', most: 1 })
  for (const owner of [{ key: '', most: 0 }, { key: 'b', most: 1, isGone: true }]) {
    const lane = await laneTo(t, parent)
    lanes.give(lane, owner)
    await until(() => !lane.isOpen)
  }
  t.equal(lanes.size, 0)
})

t.test('an owner that goes: its lanes are closed, and no other\'s', async t => {
  const parent = await parentProxy(t)
  const lanes = new Lanes()
  const [one, two] = [await laneTo(t, parent), await laneTo(t, parent)]
  lanes.give(one, { key: 'a', most: 1 })
  lanes.give(two, { key: 'b', most: 1 })
  lanes.endAll({ key: 'a', most: 1 })
  await until(() => !one.isOpen)
  t.strictSame([lanes.size, two.isOpen], [1, true])
})
