// An origin that answers every request with 1 KiB.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { measured } from '../measured.js'

const body = Buffer.alloc(1024, 'x')
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => measured((server.address() as AddressInfo).port))
