// Users log in to the application with a session, as ever; programs get through the gateway with a token. A session is no token for
// the gateway, and a token no session. One Authenticator of @fastify/passport knows the strategies of both.
//   tsx examples/jwt-beside-sessions.ts
//   curl -s -c jar -u carol:carol-secret http://127.0.0.1:8080/login
//   curl -s -b jar http://127.0.0.1:8080/token -o token
//   curl -s -H "Proxy-Authorization: Bearer $(cat token)" http://127.0.0.1:8080/api/

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Authenticator } from '@fastify/passport'
import fastifySecureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import jsonwebtoken from 'jsonwebtoken'
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt'

const service = createServer((request, response) => response.end(`service: ${request.headers.authorization ?? 'no Authorization'}\n`))
await new Promise<void>(resolve => service.listen(0, '127.0.0.1', resolve))
const { port } = service.address() as AddressInfo

const secret = process.env['JWT_SECRET'] ?? randomBytes(32).toString('hex')
const app = Fastify({ logger: true })

// The application's logins.
const passport = new Authenticator()
await app.register(fastifySecureSession, { key: randomBytes(32), cookie: { path: '/' } })
await app.register(passport.initialize())
await app.register(passport.secureSession())
passport.use('login', new BasicStrategy({ verify: verifyStatic({ carol: 'carol-secret' }), realm: 'Application' }))
passport.registerUserSerializer(async (user: { username: string }) => user.username)
passport.registerUserDeserializer(async (username: string) => ({ username }))
app.get('/login', { preValidation: passport.authenticate('login') }, async request => request.user)
// Who is logged in may have a token for the gateway: the audience says that it is for nothing else.
app.get('/token', async (request, reply) => {
  if (!request.isAuthenticated()) return await reply.code(401).send()
  const { username } = request.user as { username: string }
  return jsonwebtoken.sign({ sub: username }, secret, { audience: 'gateway', expiresIn: '1h' })
})

// The gateway beside it.
passport.use('jwt', new JwtStrategy(
  { jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey: secret, audience: 'gateway' },
  ({ sub }: { sub: string }, done: (error: null, user: object) => void) => done(null, { username: sub })
))
await app.register(proxyAuth, {
  realm: 'Gateway',
  passport,
  strategies: [{ strategy: 'jwt', scheme: 'Bearer' }],
  reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}` }]
})

app.addHook('onClose', async () => { service.close() })
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
