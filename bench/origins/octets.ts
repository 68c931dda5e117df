// Sends as many octets as the first line of a connection asks for (`down 1024`) and ends, or takes as many (`up 1024`), sends one and ends.
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

const chunk = Buffer.alloc(65_536, 'x')

export function createOctetServer (): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => {
      const [line = '', direction, number] = /^(up|down) (\d+)\n/.exec(data.toString('latin1')) ?? []
      if (direction === 'down') send(socket, Number(number))
      else take(socket, Number(number) - (data.length - line.length))
    })
  })
}

function send (socket: Socket, octets: number): void {
  let left = octets
  const more = (): void => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (socket.write(part)) continue
      socket.once('drain', more)
      return
    }
    socket.end()
  }
  more()
}

function take (socket: Socket, octets: number): void {
  let left = octets
  const count = (length: number): void => {
    left -= length
    if (left <= 0) socket.end('x')
  }
  socket.on('data', ({ length }) => count(length))
  count(0)
}
