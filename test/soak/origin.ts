import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'

const LARGE = Buffer.alloc(2 ** 20, 'x')

/**
 * How many connections may wait to be accepted, here and at the gateway. With node's 511 the kernel dropped thousands of a run in
 * which this process was late, and clients waited for the second or third of their tries: seconds for which nothing is to blame.
 */
export const BACKLOG = 4096

/**
 * An origin that does by path what origins do: responds, dribbles, stalls, resets, cuts its content. What is upgraded is
 * echoed. It is the end of the tunnels as well.
 *
 * @returns Its port, what closes it, and what closes the connections by which no request has come. Each of these was opened for a
 *   client that left, and is the origin's to close. While there is traffic it may get a request at any moment: the 408 that node
 *   sends where it has waited too long would be the response to that.
 */
export async function origin (): Promise<{ port: number, close: () => void, closeUnused: () => void }> {
  const open = new Set<Socket>()
  const server = createServer({ headersTimeout: 0, requestTimeout: 0 }, (request, response) => {
    const { socket } = request
    switch (request.url) {
      case '/large': response.end(LARGE); break
      case '/slow': dribble(part => response.writableEnded || response.write(part), () => response.end()); break
      case '/stall': request.resume(); break
      case '/reset': socket.resetAndDestroy(); break
      case '/cut': response.writeHead(200, { 'content-length': 100 }); response.write('short', () => socket.destroy()); break
      case '/early': response.writeEarlyHints({ link: '</a>; rel=preload' }, () => response.end('early')); break
      default:
        if ('content-length' in request.headers) response.setHeader('content-length', request.headers['content-length']!)
        request.pipe(response)
    }
  })
  const webSockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    if (request.headers.upgrade === 'websocket') {
      webSockets.handleUpgrade(request, socket, head, webSocket => {
        webSocket.on('error', () => {}).on('message', message => webSocket.send(message))
      })
      return
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  server.on('connection', socket => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
  })
  server.keepAliveTimeout = 300
  await new Promise<void>(resolve => server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => { server.close(); for (const socket of open) socket.destroy() },
    closeUnused: () => { for (const socket of open) if (socket.bytesRead === 0) socket.destroy() }
  }
}

function dribble (write: (part: string) => unknown, end: () => void, left = 8): void {
  if (left === 0) return end()
  write('part')
  setTimeout(() => dribble(write, end, left - 1), 20)
}
