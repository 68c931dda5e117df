import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { onClientEnd } from '../../../lib/platform/http1/client-end.js'
import { listening } from '../../fixtures/listening.js'

/** Both sides of a connection, of which the server's is not read. */
async function pair (t: Test): Promise<{ client: Socket, socket: Socket }> {
  const server = createServer({ allowHalfOpen: true })
  const port = await listening(t, server)
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const [socket] = await once(server, 'connection') as [Socket]
  t.teardown(() => client.destroy())
  return { client, socket }
}

for (const text of ['', 'unread']) {
  t.test(`a client that ends behind ${text === '' ? 'nothing' : 'octets that are not read'}: is noticed, once`, async t => {
    const { client, socket } = await pair(t)
    let ended = 0
    await new Promise<void>(resolve => {
      onClientEnd(socket, () => { ended += 1; resolve() })
      client.end(text)
    })
    t.equal(ended, 1)
    t.equal(socket.listenerCount('readable'), 0)
    onClientEnd(socket, () => { ended += 1 })
    t.equal(ended, 2, 'at once where it has come already')
  })
}

t.test('the end of the watch: whoever reads then gets every octet', async t => {
  const { client, socket } = await pair(t)
  const unwatch = onClientEnd(socket, () => t.fail('it has not ended'))
  client.write('first')
  await once(socket, 'readable')
  unwatch()
  const chunks: string[] = []
  socket.setEncoding('latin1').on('data', (chunk: string) => { chunks.push(chunk) })
  client.end('second')
  await once(socket, 'end')
  t.equal(chunks.join(''), 'firstsecond')
})
