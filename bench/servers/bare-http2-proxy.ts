// The least that node can do over HTTP/2: tunnels by two pipes, on sessions with the settings of the gateway's.
import { createServer } from 'node:http2'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'

const server = createServer({ maxSessionMemory: 128, settings: { maxConcurrentStreams: 1000 } })
server.on('stream', (stream, { ':authority': authority }) => {
  const [host, port] = authority!.split(':') as [string, string]
  const target = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true }, () => {
    stream.respond({ ':status': 200 })
    stream.pipe(target).pipe(stream)
  })
  for (const [side, other] of [[stream, target], [target, stream]] as const) side.on('error', () => other.destroy())
})
server.listen(0, '127.0.0.1', () => measured({ port: (server.address() as AddressInfo).port }))
