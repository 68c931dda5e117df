import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { KeptHandles, keepHandles } from '../../../lib/platform/http2/kept-handles.js'
import { collectGarbage } from '../../fixtures/collect-garbage.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { until } from '../../fixtures/until.js'

/**
 * Each that a test makes. V8 of Node 20 to 24 calls no finalizer of the process any more once a
 * registry was collected that still had some to call; those of the product live as long as it does.
 */
const made: KeptHandles[] = []

function keptHandles (): KeptHandles {
  const kept = new KeptHandles()
  made.push(kept)
  return kept
}

t.test('an object that is added: it is there for one garbage collection, and gone after some', async t => {
  const kept = keptHandles()
  const object = (() => {
    const added = { here: true }
    kept.add(added)
    kept.add({})
    return new WeakRef(added)
  })()
  t.equal(kept.size, 2)
  collectGarbage()
  t.strictSame(object.deref(), { here: true })
  await until(() => { collectGarbage(); return kept.size === 0 })
  await until(() => { collectGarbage(); return object.deref() === undefined })
  kept.add({})
  await until(() => { collectGarbage(); return kept.size === 0 })
})

t.test('many objects one after the other: the first are let go of, though V8 sees little of their memory', async t => {
  const kept = keptHandles()
  let added = 0
  // V8 collects when it likes to: mostly behind each 500 of them.
  while (added < 3000 || (kept.size >= added / 2 && added < 50_000)) {
    for (let i = 0; i < 20; i++) kept.add({})
    added += 20
    await new Promise(setImmediate)
  }
  t.ok(kept.size < added / 2, `${kept.size} of ${added} are left`)
})

t.test('a collection that no finalizer has told of: it is noticed as more objects are added', async t => {
  const kept = keptHandles()
  const noticed = t.capture(kept as unknown as { collected: () => void }, 'collected', KeptHandles.prototype['collected'])
  const object = (() => {
    const added = { here: true }
    kept.addBehind({}, added)
    return new WeakRef(added)
  })()
  await new Promise(resolve => setImmediate(resolve))
  collectGarbage()
  for (let i = 0; i < 600; i++) kept.addBehind(kept, {})
  t.equal(noticed().length, 1, 'before the turn in which finalizers are called')
  t.equal(kept.size, 600)
  await until(() => { collectGarbage(); return object.deref() === undefined })
})

t.test('an object kept behind another: it is there as long as the other, however often is collected, and gone after it', async t => {
  const kept = keptHandles()
  let stream: object | undefined = {}
  const session = (() => {
    const handle = { here: true }
    kept.addBehind(stream, handle)
    return new WeakRef(handle)
  })()
  for (let i = 0; i < 5; i++) {
    await new Promise(resolve => setImmediate(resolve))
    collectGarbage()
  }
  t.strictSame(session.deref(), { here: true })
  t.ok(stream)
  stream = undefined
  await until(() => { collectGarbage(); return session.deref() === undefined })
})

t.test('a session of node, and one without a handle: only the first is followed to its end', async t => {
  const server = createServer()
  keepHandles({ server, addHook () {} } as never)
  const followed: number[] = []
  server.on('session', session => { followed.push(session.listenerCount('close')) })
  server.on('stream', stream => { stream.respond(); stream.end('here') })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.match(await client.ask({ ':path': '/' }), { body: 'here' })
  server.emit('session', new EventEmitter() as never)
  t.strictSame(followed, [followed[1]! + 1, followed[1]])
  const gone = once(client.session, 'close')
  client.session.destroy()
  await gone
  server.close()
  await once(server, 'close')
})

t.test('a client that leaves without acknowledging SETTINGS: nothing of its session stays', async t => {
  const server = createServer()
  keepHandles({ server, addHook () {} } as never)
  const handles: Array<WeakRef<object>> = []
  server.on('session', session => {
    const kHandle = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'kHandle')!
    handles.push(new WeakRef((session as unknown as Record<symbol, object>)[kHandle]!))
    session.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  for (let i = 0; i < 3; i++) {
    const client = await RawClient.to(t, (server.address() as AddressInfo).port)
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0') // and SETTINGS
    await client.until(text => text.length > 9)
    client.socket.destroy()
  }
  await until(() => { collectGarbage(); return handles.length === 3 && handles.every(handle => handle.deref() === undefined) })
  t.pass('the garbage collector has them')
  server.close()
  await once(server, 'close')
})
