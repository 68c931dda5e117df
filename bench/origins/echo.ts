// Sends back what comes.
import { createServer } from 'node:net'
import type { Server } from 'node:net'

export function createEchoServer (): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
}
