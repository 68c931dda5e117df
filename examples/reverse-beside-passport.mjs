// Logins of @fastify/passport in Authorization, a route for programs behind Proxy-Authorization.
//   node examples/reverse-beside-passport.mjs
//   curl -H "Proxy-Authorization: Basic $(printf ci:ci-secret | base64)" http://127.0.0.1:8080/api/

import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy, verifyStatic } from 'fastify-proxy-auth'

const service = Fastify().get('/', async ({ headers }) => `the service sees Authorization: ${headers.authorization}\n`)
const upstream = await service.listen({ host: '127.0.0.1', port: 0 })
const app = Fastify({ logger: true })

//   curl -H 'Authorization: Bearer app-token' http://127.0.0.1:8080/me
const passport = new Authenticator()
const verify = (token) => token === 'app-token' ? { username: 'alice' } : null
passport.use('bearer', new BearerStrategy({ verify }))
app.decorateRequest('session', null) // not used here, but @fastify/passport looks for it
await app.register(passport.initialize())
const preValidation = passport.authenticate('bearer', { session: false })
app.get('/me', { preValidation }, async ({ user }) => user)

await app.register(proxyAuth, {
  realm: 'Service',
  strategies: [new BasicStrategy({ verify: verifyStatic({ ci: 'ci-secret' }) })],
  reverse: [{ prefix: '/api', upstream }]
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
