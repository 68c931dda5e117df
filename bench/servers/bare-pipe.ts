// What a tunnel is compared with: node's own sockets, piped, to the port in ORIGIN_PORT, asking nobody.
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'

const server = createServer({ allowHalfOpen: true }, client => {
  const upstream = connect({ port: Number(process.env['ORIGIN_PORT']), host: '127.0.0.1', allowHalfOpen: true })
  for (const socket of [client, upstream]) socket.on('error', () => { client.destroy(); upstream.destroy() })
  client.pipe(upstream)
  upstream.pipe(client)
})
server.listen(0, '127.0.0.1', () => measured((server.address() as AddressInfo).port))
