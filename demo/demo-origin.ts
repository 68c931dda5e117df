import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small origin on loopback: it shows the request as it arrived, so that one can see what a proxy sent. */
export async function demoOrigin (): Promise<{ url: string, authority: string, close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    let bytes = 0
    request.on('data', chunk => { bytes += chunk.length })
    request.on('end', () => {
      const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`]
      for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      response.end(`${lines.join('\n')}\n\n${bytes} octets of content\n`)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    authority: `127.0.0.1:${port}`,
    close: () => new Promise(resolve => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  }
}
