// Sends as many octets as the first line of a connection asks for (`down 1024`) and ends, or takes as many (`up 1024`), sends one and ends.
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { sendOctets } from '../send-octets.js'

export function createOctetServer (): Server {
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => {
      const [line = '', direction, number] = /^(up|down) (\d+)\n/.exec(data.toString('latin1')) ?? []
      if (direction === 'down') sendOctets(socket, Number(number), () => { socket.end() })
      else take(socket, Number(number) - (data.length - line.length))
    })
  })
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
