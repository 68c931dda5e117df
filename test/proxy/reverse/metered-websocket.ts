import { EventEmitter } from 'node:events'
import t from 'tap'
import { MeteredWebSocket, belongTo, meteredWebSocket } from '../../../lib/proxy/reverse/metered-websocket.js'
import { GivenMeter } from '../../fixtures/meters.js'
import { until } from '../../fixtures/until.js'

/** What counts how often it was paused and resumed. */
class Source extends EventEmitter {
  bytesWritten = 100
  pauses = 0
  resumes = 0
  pause (): void { this.pauses += 1 }
  resume (): void { this.resumes += 1 }
}

t.test('what the client has said: it is asked for when it was read, and no more is read until that may go', async t => {
  const [client, meter] = [new Source(), new GivenMeter(3)]
  const webSocket = new MeteredWebSocket(meter, client as never)
  webSocket.begin()
  client.emit('data', Buffer.from('abc'))
  t.strictSame([client.pauses, meter.moved.up], [0, 3])
  client.emit('data', Buffer.from('de'))
  t.strictSame([client.pauses, meter.waiting.up?.octets], [1, 2])
  client.emit('data', Buffer.from('f')) // others may have it go on
  t.equal(client.pauses, 2)
  meter.give('up', 2)
  await until(() => meter.moved.up === 5 && meter.waiting.up !== undefined)
  t.strictSame([client.resumes, meter.waiting.up?.octets], [0, 1], 'what came meanwhile is asked for as well')
  meter.give('up', 1)
  await until(() => client.resumes === 1)
})

t.test('what is said to the client: it is asked for when it was written, and the upstream is not read until that may go', async t => {
  const [client, source, target, meter] = [new Source(), new Source(), new Source(), new GivenMeter()]
  const webSocket = new MeteredWebSocket(meter, client as never)
  webSocket.follow(source, target)
  client.bytesWritten += 5
  target.emit('message')
  t.strictSame([target.pauses, client.pauses, meter.waiting.down?.octets], [1, 0, 5])
  meter.give('down', 5)
  await until(() => target.resumes === 1)
})

t.test('its end: what was not asked for yet is, and the upstream is read whatever comes, to learn of the end', async t => {
  const [client, source, target, meter] = [new Source(), new Source(), new Source(), new GivenMeter(3)]
  let paid = false
  const webSocket = new MeteredWebSocket(meter, client as never)
  webSocket.follow(source, target)
  client.bytesWritten += 5
  webSocket.end(() => { paid = true })
  t.strictSame(meter.moved, { up: 0, down: 3 })
  t.strictSame([target.pauses, target.resumes], [1, 1])
  client.bytesWritten += 5
  target.emit('message')
  t.strictSame([target.pauses, paid], [1, false])
  meter.give('down', 7)
  await until(() => paid)
  t.equal(meter.moved.down, 10)
})

t.test('what belongs to a WebSocket: it is found by that, and nothing is found for others', t => {
  const [client, target, source] = [new Source(), new Source(), new Source()]
  belongTo(client as never, target)
  t.equal(meteredWebSocket(target), undefined)
  const webSocket = new MeteredWebSocket(new GivenMeter(), client as never)
  belongTo(client as never, target)
  webSocket.follow(source, target)
  for (const part of [client, target, source]) t.equal(meteredWebSocket(part), webSocket)
  t.end()
})
