// A client that signs for a proxy, without an SDK: a request in absolute-form, and a tunnel. It needs a proxy that knows alice's
// key, `SCHEMES=aws4 npm start` in a clone for one, and a target, such as the origin that this prints.
//   node examples/aws4-client.mjs http://127.0.0.1:8080 http://127.0.0.1:3001/hello

import { request } from 'node:http'
import { signAws4 } from 'fastify-proxy-auth'

const [proxy = 'http://127.0.0.1:8080', target = 'http://example.org/'] = process.argv.slice(2)
const alice = { accessKeyId: 'alice', secretAccessKey: 'alice-secret', region: 'local', service: 'proxy' }
const { host, href, port } = new URL(target)

// Absolute-form: method, path, query, host and content are signed.
const content = 'some content'
const signed = signAws4({ method: 'POST', target: href, headers: { host }, content }, alice)
request(proxy, { method: 'POST', path: href, headers: { host, ...signed } }, (response) => {
  console.log(`absolute-form: ${response.statusCode}`)
  response.resume()
}).end(content)

// CONNECT: host and port of the target are signed, and nothing of what goes through the tunnel.
const authority = port === '' ? `${host}:80` : host
const headers = signAws4({ method: 'CONNECT', target: authority, headers: {} }, alice)
request(proxy, { method: 'CONNECT', path: authority, headers }).on('connect', (response, socket) => {
  console.log(`CONNECT: ${response.statusCode}`)
  socket.end()
}).end()
