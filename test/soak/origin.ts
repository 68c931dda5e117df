import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocketServer } from 'ws'

const LARGE = Buffer.alloc(2 ** 20, 'x')

/**
 * An origin that does by path what origins do: responds, dribbles, stalls, resets, cuts its content. What is upgraded is
 * echoed. It is the end of the tunnels as well.
 *
 * @returns Its port, and what closes it.
 */
export async function origin (): Promise<{ port: number, close: () => void }> {
  const open = new Set<Socket>()
  // A connection that was opened for a request whose client left before it was sent is the origin's to close.
  const server = createServer({ headersTimeout: 2000, connectionsCheckingInterval: 500 }, (request, response) => {
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
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => { server.close(); for (const socket of open) socket.destroy() } }
}

function dribble (write: (part: string) => unknown, end: () => void, left = 8): void {
  if (left === 0) return end()
  write('part')
  setTimeout(() => dribble(write, end, left - 1), 20)
}
