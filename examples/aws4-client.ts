// A client that signs its requests to the proxy, without an SDK: one in absolute-form, one through a tunnel.
//
//   SCHEMES=aws4 npm start
//   npx tsx examples/aws4-client.ts http://127.0.0.1:8080 http://127.0.0.1:PORT/hello

import { request as ask } from 'node:http'
import { signAws4 } from 'fastify-proxy-auth'

const [proxy = 'http://127.0.0.1:8080', target = 'http://example.org/'] = process.argv.slice(2)
const alice = { accessKeyId: 'alice', secretAccessKey: 'alice-secret', region: 'local', service: 'proxy' }
const { hostname, port } = new URL(proxy)
const { host, href } = new URL(target)

// In absolute-form: method, path, query, host and content are signed.
const content = 'some content'
const signed = signAws4({ method: 'POST', target: href, headers: { host }, content }, alice)
ask({ hostname, port, method: 'POST', path: href, headers: { host, ...signed } }, (response) => {
  console.log(`absolute-form: ${response.statusCode}`)
  response.resume()
}).end(content)

// CONNECT: the host and port that the tunnel leads to are signed, and nothing of what goes through it.
const authority = host.includes(':') ? host : `${host}:80`
ask({ hostname, port, method: 'CONNECT', path: authority, headers: signAws4({ method: 'CONNECT', target: authority, headers: {} }, alice) })
  .on('connect', (response, tunnel) => {
    console.log(`CONNECT: ${response.statusCode}`)
    tunnel.end()
  })
  .end()
