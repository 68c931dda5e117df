import { Socket } from 'node:net'
import t from 'tap'
import { offerToApplication } from '../../../lib/proxy/upgrade/offer-to-application.js'
import { listenerCounts } from '../../fixtures/listener-counts.js'

t.test('a connection that is not touched within its time: it is left, and belongs to no listener', async t => {
  let fire = () => {}
  const timers = t.intercept(globalThis, 'setTimeout', { value: (call: () => void, time: number) => { t.equal(time, 5_000); fire = call } })
  const socket = new Socket()
  const before = listenerCounts(socket)
  const waiting = new Set<() => void>()
  let [called, nobodys] = [0, 0]
  offerToApplication(() => { called += 1 }, socket, waiting, () => { nobodys += 1 })
  timers.restore()
  t.same([called, nobodys, waiting.size], [1, 0, 1])
  fire()
  t.same([called, nobodys, waiting.size], [1, 1, 0])
  t.strictSame(listenerCounts(socket), before)
})

t.test('a connection that a listener uses in any way: it counts as taken', async t => {
  const takes: Record<string, (socket: Socket) => void> = {
    'a listener': socket => { socket.on('error', () => {}) },
    reading: socket => { socket.resume() },
    closing: socket => { socket.destroy() },
    writing: socket => { Object.defineProperty(socket, 'bytesWritten', { value: 1 }) },
    nothing: () => {}
  }
  for (const [name, take] of Object.entries(takes)) {
    const socket = new Socket()
    const waiting = new Set<() => void>()
    let nobodys = 0
    offerToApplication(() => take(socket), socket, waiting, () => { nobodys += 1 })
    for (const settle of waiting) settle() // as a closing server does
    t.equal(nobodys, name === 'nothing' ? 1 : 0, name)
  }
})

t.test('a connection that closes: nothing is kept of it', async t => {
  const socket = new Socket()
  const waiting = new Set<() => void>()
  offerToApplication(() => {}, socket, waiting, () => t.fail('it is gone'))
  socket.emit('close')
  t.equal(waiting.size, 0)
})
