// What a tunnel is compared with: node's own sockets, piped, asking nobody. The first line names the port to connect to.
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

export async function barePipe (): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, client => {
    client.once('data', line => {
      const upstream = connect({ port: Number(String(line).trim()), host: '127.0.0.1', allowHalfOpen: true })
      for (const socket of [client, upstream]) socket.on('error', () => { client.destroy(); upstream.destroy() })
      upstream.once('connect', () => client.write('connected\n'))
      client.pipe(upstream)
      upstream.pipe(client)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
