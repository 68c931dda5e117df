import { once } from 'node:events'
import t from 'tap'
import { lingeringClose } from '../../../lib/platform/http1/lingering-close.js'
import { socketPair } from '../../fixtures/socket-pair.js'

/** How many timers keep the process alive. */
function timers (): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}

t.test('a peer that goes on sending: it reads all, and is cut after a while (R-CONN-6)', async t => {
  const { near, far } = await socketPair(t)
  const answer = 'x'.repeat(1_000_000)
  const flood = () => { while (far.socket.write('y'.repeat(65_536))); }
  far.socket.on('drain', flood)
  flood()
  const closed = once(near, 'close')
  near.write(answer)
  lingeringClose(near)
  t.ok((await far.end()) === answer)
  await closed
})

t.test('a peer that closes: it is not waited for any longer', async t => {
  const { near, far } = await socketPair(t)
  far.socket.end('unread')
  near.end()
  await once(near, 'finish')
  const before = timers()
  lingeringClose(near)
  await once(near, 'close')
  t.equal(timers(), before)
})

t.test('a connection that is closed already: it stays closed', async t => {
  const { near } = await socketPair(t)
  near.end()
  near.destroy()
  await once(near, 'close')
  const before = timers()
  lingeringClose(near)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(timers(), before)
})
