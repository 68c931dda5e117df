// An origin whose every response has 1 KiB.
import { createServer } from 'node:http'
import type { Server } from 'node:http'

const content = Buffer.alloc(1024, 'x')

export function createHttpServer (): Server {
  return createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': content.length })
    response.end(content)
  })
}
