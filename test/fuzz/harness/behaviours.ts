import { createHash } from 'node:crypto'
import type { Arrived } from './strict-origin.js'
import { valuesOf } from './message.js'

/** What an origin does with a request; `id` marks its response. */
export type Behaviour = (arrived: Arrived, id: string) => unknown

const response = (id: string, head: string, content = ''): string => `HTTP/1.1 ${head}\r\nX-Id: ${id}\r\n${content === '' ? '' : `Content-Length: ${content.length}\r\n`}\r\n${content}`
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

/** What origins do that is well-formed, or breaks off. Told apart by the last segment of the path. */
export const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  ok: async ({ socket, whole }, id) => {
    await whole
    socket.write(response(id, '200 OK', `content of ${id}`))
  },
  early: ({ socket }, id) => { socket.write(response(id, '200 OK', `content of ${id}`)) },
  refuses: ({ socket }, id) => { socket.end(response(id, '413 Content Too Large\r\nConnection: close', 'too large')) },
  chunked: async ({ socket, whole }, id) => {
    await whole
    socket.write(`${response(id, '200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum')}${chunk('one')}`)
    setImmediate(() => socket.write(`${chunk('two')}0\r\nX-Sum: 2\r\n\r\n`))
  },
  close: async ({ socket, whole }, id) => {
    await whole
    socket.end(`${response(id, '200 OK\r\nConnection: close')}until the end`)
  },
  interim: async ({ socket, whole }, id) => {
    socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
    await whole
    socket.write(response(id, '200 OK', 'after hints'))
  },
  continues: async ({ socket, whole }, id) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    await whole
    socket.write(response(id, '200 OK', 'after 100'))
  },
  nothing: async ({ socket, whole }, id) => {
    await whole
    socket.write(response(id, '204 No Content'))
  },
  same: async ({ socket, whole }, id) => {
    await whole
    socket.write(response(id, '304 Not Modified\r\nETag: "a"\r\nContent-Length: 5'))
  },
  large: async ({ socket, whole }, id) => {
    await whole
    socket.write(response(id, '200 OK', `${id} `.repeat(100_000)))
  },
  slow: async ({ socket, whole }, id) => {
    await whole
    setTimeout(() => socket.write(response(id, '200 OK', 'slow')), 20)
  },
  cut: ({ socket }, id) => { socket.end(response(id, '200 OK\r\nContent-Length: 100')) },
  head: ({ socket }, id) => { socket.end(`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nX-`) },
  leaves: ({ socket }) => { socket.end() },
  resets: ({ socket }) => { socket.resetAndDestroy() },
  late: ({ socket }) => { setTimeout(() => socket.resetAndDestroy(), 10) },
  garbage: ({ socket }) => { socket.end('SSH-2.0-OpenSSH\r\n') },
  switches: (arrived, id) => {
    const { socket, request } = arrived
    const [protocol] = valuesOf(request.fields, 'upgrade')
    if (protocol === undefined) return socket.write(response(id, '200 OK', 'no upgrade'))
    const [key = ''] = valuesOf(request.fields, 'sec-websocket-key')
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    arrived.switched = ''
    socket.write(response(id, `101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\nSec-WebSocket-Accept: ${accept}`))
    setTimeout(() => socket.end(), 10)
  },
  unasked: async ({ socket, whole }, id) => {
    await whole
    socket.write(response(id, '101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: nobody-asked'))
    setTimeout(() => socket.end(), 10)
  }
}

/** The names of a target: which request it is, and what the origin has to do. */
export function namesOf (target: string): { id: string, behaviour: string } | null {
  const names = /\/(\w+)\/(\w+)(?:\?.*)?$/.exec(target)
  return names && { id: names[1]!, behaviour: names[2]! }
}

/** Does what the path says. */
export function behave (arrived: Arrived): unknown {
  const names = namesOf(arrived.request.target)
  return (BEHAVIOURS[names?.behaviour ?? ''] ?? BEHAVIOURS['ok']!)(arrived, names?.id ?? 'none')
}
