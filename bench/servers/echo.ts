// Sends back what comes.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
server.listen(0, '127.0.0.1', () => measured((server.address() as AddressInfo).port))
