// The gateway that `npm start` runs: the plugin with every feature reachable through the environment, so that it
// can be tried and tested from outside. docs/guide/demo.md has the table of the variables.

import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import proxyAuth from 'fastify-proxy-auth'
import { demoOrigin } from './demo-origin.js'
import { readEnvironment } from './environment.js'
import { linesToPaste } from './lines-to-paste.js'
import { strategiesFor } from './strategies.js'

const env = readEnvironment(process.env)
const origin = await demoOrigin()
const upstream = env.upstream ?? origin.url

// Kerberos tickets with many groups exceed the 16 KiB that node takes.
const maxHeaderSize = 64 * 1024
const server = env.tls === undefined
  ? { http: { maxHeaderSize } }
  : {
      http2: true as const,
      https: {
        allowHTTP1: true,
        maxHeaderSize,
        maxSessionMemory: 128, // MiB: for many tunnels on one session
        settings: { maxConcurrentStreams: 1000 },
        cert: readFileSync(env.tls.cert),
        key: readFileSync(env.tls.key)
      }
    }
const app = Fastify({ ...server, logger: { level: env.logLevel } } as object)

await app.register(proxyAuth, {
  realm: env.realm,
  strategies: strategiesFor(env),
  // NTLM and Negotiate authenticate connections. Here each is one user's, as nothing is in front of the demo.
  ...(env.schemes.some(scheme => scheme === 'ntlm' || scheme === 'negotiate') && { connectionBound: true as const }),
  reverse: [{ prefix: '/api', upstream }],
  ...env.features,
  status: { listen: { port: env.statusPort } },
  forward: {
    special: [origin.authority, ...env.forwardSpecial],
    lookup: env.lookup,
    ...env.parents
  }
})

app.get('/', async () => 'A gateway with proxy authentication. The routes under /api and the forward proxy ask who you are.\n')

await app.listen({ host: env.host, port: env.port })
const url = new URL(`${env.tls === undefined ? 'http' : 'https'}://${isIPv6(env.host) ? `[${env.host}]` : env.host}:${(app.server.address() as AddressInfo).port}`)
console.log(`listening on ${url.origin}`)
console.log(`status page at ${app.proxyAuthStatusUrl()}`)
console.log(linesToPaste(url, origin.url, env.schemes))

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await app.close()
    await origin.close()
  })
}
