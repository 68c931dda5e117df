// People log in with a session, which gets a token; programs pass the gateway with the token.
//   node examples/jwt-beside-sessions.mjs
//   curl -c jar -u carol:carol-secret http://127.0.0.1:8080/login && curl -b jar -o token http://127.0.0.1:8080/token && curl -H "Proxy-Authorization: Bearer $(cat token)" http://127.0.0.1:8080/api/
import { randomBytes } from 'node:crypto'
import passport from '@fastify/passport'
import secureSession from '@fastify/secure-session'
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'
import jwt from 'jsonwebtoken'
import { ExtractJwt, Strategy as JwtStrategy } from 'passport-jwt'

const secretOrKey = process.env.JWT_SECRET ?? randomBytes(32).toString('hex')
const app = Fastify({ logger: true })
await app.register(secureSession, { key: randomBytes(32), cookie: { path: '/' } })
await app.register(passport.initialize()).register(passport.secureSession())
passport.registerUserSerializer(async (user) => user)
passport.registerUserDeserializer(async (user) => user)
passport.use('login', new BasicStrategy({ verify: verifyStatic({ carol: 'carol-secret' }), realm: 'Application' }))
app.get('/login', { preValidation: passport.authenticate('login') }, async ({ user }) => user)
const issue = ({ username }) => jwt.sign({ sub: username }, secretOrKey, { audience: 'gateway', expiresIn: '1h' })
app.get('/token', async ({ user }, reply) => user ? issue(user) : reply.code(401).send())
const options = { jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(), secretOrKey, audience: 'gateway' }
passport.use('jwt', new JwtStrategy(options, ({ sub }, done) => done(null, { username: sub })))
await app.register(proxyAuth, {
  realm: 'Gateway',
  passport,
  strategies: [{ strategy: 'jwt', scheme: 'Bearer' }],
  reverse: [{ prefix: '/api', upstream: process.env.UPSTREAM ?? 'http://127.0.0.1:3001' }]
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
