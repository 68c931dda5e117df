import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { Client } from 'undici'
import type { Dispatcher } from 'undici'
import { holdEnd } from '../../../lib/proxy/upstream/hold-end.js'
import { listening } from '../../fixtures/listening.js'
import { until } from '../../fixtures/until.js'

/** A server that says this to whatever comes, and ends. `ended` tells whether the end has gone out. */
async function saying (t: Test, text: string): Promise<{ port: number, ended: () => boolean }> {
  let isOver = false
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {}).once('data', () => socket.end(text, () => { isOver = true })).resume()
  })
  return { port: await listening(t, server as never), ended: () => isOver }
}

const LENGTH = 50_000
const CONTENT = 'x'.repeat(LENGTH)
const HEADS = {
  'with a length': `HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH}\r\n\r\n${CONTENT}`,
  'with a length, on a connection that ends': `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${LENGTH}\r\n\r\n${CONTENT}`,
  'up to the end of the connection': `HTTP/1.1 200 OK\r\n\r\n${CONTENT}`,
  'in chunks': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${LENGTH.toString(16)}\r\n${CONTENT}\r\n0\r\n\r\n`,
  'and is cut': `HTTP/1.1 200 OK\r\nContent-Length: ${LENGTH + 1}\r\n\r\n${CONTENT}`
}

/** What comes of a response that has to wait with each chunk, and goes on when the connection has ended. */
async function slowly (t: Test, port: number, ended: () => boolean, hold: (socket: Socket) => void): Promise<string> {
  const opened: Socket[] = []
  const client = new Client(`http://127.0.0.1:${port}`, {
    connect: (_options, callback) => {
      const socket = connect(port, '127.0.0.1', () => {
        hold(socket)
        callback(null, socket)
      })
      opened.push(socket)
    }
  })
  t.teardown(async () => { await client.destroy() })
  let got = 0
  const outcome = await new Promise<string>(resolve => {
    const goOn = async (controller: Dispatcher.DispatchController): Promise<void> => {
      await until(ended)
      const [socket] = opened
      // Undici has read all there was, or the end is there.
      for (let turns = 0; turns < 20 && !socket!.destroyed; turns++) await new Promise(resolve => { setImmediate(resolve) })
      controller.resume()
    }
    client.dispatch({ method: 'GET', path: '/' }, {
      onRequestStart () {},
      onResponseStart () {},
      onResponseData (controller, chunk) {
        got += chunk.length
        if (chunk.length === 0) return // it says that once more it may go on
        controller.pause()
        goOn(controller).catch(() => {})
      },
      onResponseEnd () { resolve(`whole, ${got}`) },
      onResponseError (_controller, error) { resolve(`${(error as NodeJS.ErrnoException).code}`) }
    })
  })
  return outcome
}

for (const [how, text] of Object.entries(HEADS)) {
  t.test(`a response ${how}, behind which the connection ends while it waits: what undici makes of it is what came`, async t => {
    const { port, ended } = await saying(t, text)
    t.equal(await slowly(t, port, ended, holdEnd), how === 'and is cut' ? 'UND_ERR_SOCKET' : `whole, ${LENGTH}`)
  })
}

t.test('undici by itself: it loses a response of which all has come', async t => {
  const { port, ended } = await saying(t, HEADS['with a length'])
  t.equal(await slowly(t, port, ended, () => {}), 'UND_ERR_SOCKET')
})

t.test('other readers, in each way to read: they get all, and then the end', async t => {
  for (const way of ['data', 'later', 'readable', 'piece by piece', 'nothing'] as const) {
    const { port, ended } = await saying(t, way === 'nothing' ? '' : CONTENT)
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    await once(socket, 'connect')
    holdEnd(socket)
    socket.write('a')
    let got = 0
    const take = (chunk: Buffer | null): boolean => {
      got += chunk?.length ?? 0
      return chunk !== null
    }
    if (way === 'later') {
      await until(() => ended() && socket.readableLength > 0)
      t.equal(take(socket.read()), true)
    }
    if (way === 'readable') socket.on('readable', () => { while (take(socket.read())); })
    else if (way === 'piece by piece') socket.on('readable', () => { while (take(socket.read(Math.min(1000, socket.readableLength || 1)))); take(socket.read()) })
    else socket.on('data', take)
    await once(socket, 'end')
    t.equal(got, way === 'nothing' ? 0 : LENGTH, way)
  }
})
