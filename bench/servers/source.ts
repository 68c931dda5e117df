// Sends as many octets as the first line of each connection asks for, then ends.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'

const chunk = Buffer.alloc(65536, 'x')
const server = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', data => {
    let left = Number(String(data).trim())
    const send = () => {
      while (left > 0) {
        const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
        left -= part.length
        if (!socket.write(part)) return socket.once('drain', send)
      }
      socket.end()
    }
    send()
  })
})
server.listen(0, '127.0.0.1', () => measured((server.address() as AddressInfo).port))
