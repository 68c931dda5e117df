// The least that node can do: no authentication, no policy, no log. A CONNECT is two pipes, a request goes on through undici.
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { measured } from '../measured.js'
import { readOptions, tls } from '../options.js'

const CHALLENGE = { 'proxy-authenticate': 'Basic realm="bench"', 'content-length': 0 }
const REFUSAL = 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="bench"\r\nContent-Length: 0\r\n\r\n'

const origin = new Pool(process.env['ORIGIN']!, { pipelining: 1 })
const forward: RequestListener = (request, response) => {
  if (!('proxy-authorization' in request.headers)) response.writeHead(407, CHALLENGE).end()
  else origin.dispatch({ method: request.method as Dispatcher.HttpMethod, path: pathOf(request.url!), headers: ours(request) }, relay(response))
}
const options = readOptions()
const server = options.listener === 'tls' ? createTlsServer(tls(options), forward) : createServer(forward)
server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
  client.on('error', () => {})
  if (!('proxy-authorization' in request.headers)) return client.end(REFUSAL)
  const [host, port] = request.url!.split(':')
  const target = connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true }, () => {
    client.write('HTTP/1.1 200 OK\r\n\r\n')
    if (head.length > 0) target.write(head)
    target.pipe(client).pipe(target)
  })
  target.on('error', () => client.destroy())
  client.on('close', () => target.destroy())
})
server.listen(0, '127.0.0.1', () => measured({ port: (server.address() as AddressInfo).port }))

/** Of an absolute-form target, or below /api. */
function pathOf (target: string): string {
  return target.startsWith('/') ? target.slice('/api'.length) : target.slice(target.indexOf('/', 'http://'.length))
}

function ours ({ rawHeaders }: IncomingMessage): string[] {
  const fields: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!/^(?:proxy-authorization|connection)$/i.test(rawHeaders[i]!)) fields.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }
  return fields
}

function relay (response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart: () => {},
    onResponseStart: (_controller, status, headers) => {
      response.cork()
      response.writeHead(status, headers)
    },
    onResponseData: (_controller, chunk) => { response.write(chunk) },
    onResponseEnd: () => {
      response.end()
      response.uncork()
    },
    onResponseError: () => { response.destroy() }
  }
}
