// A proxy over TLS, with HTTP/2 and HTTP/1.1 on one port.
//   openssl req -x509 -newkey rsa -nodes -subj /CN=proxy -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem && node examples/tls-http2.mjs
//   curl --proxy-cacert cert.pem -x https://alice:alice-secret@127.0.0.1:8080 https://example.org/

import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

const app = Fastify({
  logger: true,
  http2: true,
  https: {
    cert: readFileSync(process.env.TLS_CERT ?? 'cert.pem'),
    key: readFileSync(process.env.TLS_KEY ?? 'key.pem'),
    allowHTTP1: true, // most clients of proxies know no HTTP/2
    maxSessionMemory: 128, // MiB: node's 10 are too few for many tunnels of one browser
    settings: { maxConcurrentStreams: 1000 } // node's default is no limit
  }
})
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  forward: { special: process.env.SPECIAL?.split(',') }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
