// A reverse gateway in front of a service, in an application that has its own logins with @fastify/passport: Authorization
// is the application's, Proxy-Authorization is the gateway's, and both may be in one request.
//   tsx examples/reverse-beside-passport.ts
//   curl -H 'Authorization: Bearer app-token' http://127.0.0.1:8080/me
//   curl -H "Proxy-Authorization: Basic $(printf alice:alice-secret | base64)" http://127.0.0.1:8080/api/

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy, verifyStatic } from 'fastify-proxy-auth'

const service = createServer((request, response) => response.end(`service: ${request.url}\n`))
await new Promise<void>(resolve => service.listen(0, '127.0.0.1', resolve))
const { port } = service.address() as AddressInfo

const app = Fastify({ logger: true })

// The application's own authentication, as it was.
const passport = new Authenticator()
passport.use('bearer', new BearerStrategy({ verify: token => token === 'app-token' ? { username: 'alice' } : null }))
app.decorateRequest('session', null as never) // none is used here, but @fastify/passport looks for it
await app.register(passport.initialize())
app.get('/me', { preValidation: passport.authenticate('bearer', { session: false }) }, async request => request.user)

// The gateway beside it.
await app.register(proxyAuth, {
  realm: 'Service',
  strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })],
  reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}` }]
})

app.addHook('onClose', async () => { service.close() })
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
