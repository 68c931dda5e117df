// 500 requests at a time, of 50 users, through one instance of each strategy, whose verifiers answer in any order: every request goes
// on as its own user. (Passport itself, given an instance, mixes them up.)
import { randomUUID } from 'node:crypto'
import { request as overHttp } from 'node:http'
import { request as overHttps } from 'node:https'
import type { RequestOptions } from 'node:https'
import { setTimeout as later } from 'node:timers/promises'
import jsonwebtoken from 'jsonwebtoken'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, BearerStrategy, DigestStrategy, answerDigestChallenge } from '../../lib/index.js'
import type { StrategyDeclaration } from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { azureDirectory } from '../fixtures/foreign/azure.js'
import { AzureBearer, ClientCertificate, Custom, ExtractJwt, Hawk, HeaderApiKey, HttpBasic, HttpBearer, Jwt, Ldap } from '../fixtures/foreign/packages.js'
import { basic, hawk, lookUp } from '../fixtures/foreign/rows.js'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'

const REQUESTS = 500
const USERS = Array.from({ length: 50 }, (_, index) => `user${index}`)
const SECRET = 'a secret of thirty-two octets !!'

/** Answers later, after others that were asked later. */
async function delayed<Value> (value: Value): Promise<Value> {
  await later(Math.random() * 50)
  return value
}

type Done = (error: unknown, user?: unknown) => void
const answerLater = (user: unknown, done: Done): void => { delayed(user).then(known => done(null, known)) }

/** What is needed for the requests of the users through one strategy. */
interface Subject {
  readonly strategy: StrategyDeclaration
  /** What a user sends. */
  readonly present: (user: string, challenge: string) => RequestOptions
  readonly https?: object
}
interface Row { readonly name: string, readonly skip?: string | false, readonly prepare: (t: Test) => Promise<Subject> | Subject }

const PATH = '/api/x'
const proxy = (credentials: string): RequestOptions => ({ headers: { 'proxy-authorization': credentials } })
const byPassword = (name: string, password: string, done: Done): void => answerLater(password === `secret of ${name}` && { username: name }, done)
const byToken = (token: string, done: Done): void => answerLater({ username: token.slice('token-of-'.length) }, done)

const rows: Row[] = [
  {
    name: 'BasicStrategy',
    prepare: () => ({
      strategy: new BasicStrategy({ verify: ({ username, password }) => delayed(password === `secret of ${username}` ? { username } : null) }),
      present: user => proxy(basic(`${user}:secret of ${user}`))
    })
  },
  {
    name: 'BearerStrategy',
    prepare: () => ({
      strategy: new BearerStrategy({ verify: token => delayed({ username: token.slice('token-of-'.length) }) }), present: user => proxy(`Bearer token-of-${user}`)
    })
  },
  {
    name: 'DigestStrategy',
    prepare: () => ({
      strategy: new DigestStrategy({ lookup: username => delayed({ password: `secret of ${username}` }) }),
      present: (username, challenge) => proxy(answerDigestChallenge(challenge, {
        username, password: `secret of ${username}`, method: 'GET', uri: PATH, nc: ++counter, cnonce: randomUUID()
      })!.credentials)
    })
  },
  { name: 'passport-http', prepare: () => ({ strategy: { strategy: new HttpBasic(byPassword), scheme: 'Basic' }, present: user => proxy(basic(`${user}:secret of ${user}`)) }) },
  { name: 'passport-http-bearer', prepare: () => ({ strategy: { strategy: new HttpBearer(byToken), scheme: 'Bearer' }, present: user => proxy(`Bearer token-of-${user}`) }) },
  {
    name: 'passport-jwt',
    prepare: () => ({
      strategy: {
        strategy: new Jwt({ jwtFromRequest: ExtractJwt['fromAuthHeaderAsBearerToken']!(), secretOrKey: SECRET }, ({ sub }: { sub: string }, done: Done) => answerLater({ username: sub }, done)),
        scheme: 'Bearer'
      },
      present: sub => proxy(`Bearer ${jsonwebtoken.sign({ sub }, SECRET)}`)
    })
  },
  {
    name: 'passport-ldapauth',
    skip: slapd.skip,
    prepare: async t => {
      const { stop, ...server } = await startSlapd(t, Object.fromEntries(USERS.map(user => [user, `secret of ${user}`])))
      const strategy = new Ldap({ server, credentialsLookup: lookUp }, ({ cn }: { cn: string }, done: Done) => answerLater({ username: cn }, done))
      return { strategy: { strategy, scheme: 'Basic' }, present: user => proxy(basic(`${user}:secret of ${user}`)) }
    }
  },
  {
    name: 'passport-custom',
    prepare: () => ({
      strategy: { strategy: new Custom(({ headers }: { headers: { authorization: string } }, done: Done) => byToken(headers.authorization.slice('Key '.length), done)), scheme: 'Key' },
      present: user => proxy(`Key token-of-${user}`)
    })
  },
  {
    name: 'passport-headerapikey',
    prepare: () => ({
      strategy: { strategy: new HeaderApiKey({ header: 'X-Proxy-Key', prefix: '' }, false, byToken), scheme: null, reads: ['x-proxy-key'] },
      present: user => ({ headers: { 'x-proxy-key': `token-of-${user}` } })
    })
  },
  {
    name: 'passport-hawk',
    prepare: () => ({
      strategy: {
        strategy: new Hawk((id: string, done: Done) => answerLater({ key: `key of ${id}`, algorithm: 'sha256', user: { username: id } }, done)), scheme: 'Hawk', challenge: 'Hawk'
      },
      present: user => {
        const { fields: [line] } = hawk({ method: 'GET', target: PATH, host: 'gateway.test' }, `key of ${user}`, user)
        return { headers: { host: 'gateway.test', 'proxy-authorization': line.slice('Proxy-Authorization: '.length) } }
      }
    })
  },
  {
    name: 'passport-azure-ad',
    skip: openssl.skip,
    prepare: async t => {
      const { identityMetadata, sign } = await azureDirectory(t)
      const strategy = new AzureBearer({ identityMetadata, clientID: 'gateway', loggingLevel: 'fatal' }, ({ sub }: { sub: string }, done: Done) => answerLater({ username: sub }, done))
      const tokens = new Map(USERS.map(sub => [sub, sign({ sub, aud: 'gateway' })]))
      return { strategy: { strategy, scheme: 'Bearer' }, present: user => proxy(`Bearer ${tokens.get(user)}`) }
    }
  },
  {
    name: 'passport-client-cert',
    skip: openssl.skip,
    prepare: t => {
      const { cert, key } = certificate(t, 'gateway.test')
      const users = new Map(USERS.map(user => [user, certificate(t, user)]))
      const strategy = new ClientCertificate(({ subject }: { subject: { CN: string } }, done: Done) => answerLater({ username: subject.CN }, done))
      return {
        strategy: { strategy, scheme: null },
        present: user => ({ ca: cert, cert: users.get(user)!.cert, key: users.get(user)!.key }),
        https: { cert, key, ca: [...users.values()].map(({ cert }) => cert), requestCert: true, rejectUnauthorized: false }
      }
    }
  }
]
let counter = 0

/** Sends a request on a connection of its own and gives status and content. */
async function send (t: Test, port: number, options: RequestOptions, tls: boolean): Promise<{ status: number, content: string, challenge: string }> {
  return await new Promise((resolve, reject) => {
    const request = (tls ? overHttps : overHttp)({ host: '127.0.0.1', port, path: PATH, agent: false, ...options }, response => {
      let content = ''
      response.setEncoding('utf8').on('data', (text: string) => { content += text }).on('end', () => {
        resolve({ status: response.statusCode!, content, challenge: String(response.headers['proxy-authenticate']) })
      })
    })
    t.teardown(() => { request.destroy() })
    request.on('error', reject).end()
  })
}

for (const { name, skip = false, prepare } of rows) {
  t.test(`${name}: each of ${REQUESTS} requests at a time has its own user (R-MAP-6, R-MAP-7)`, { skip }, async t => {
    counter = 0
    const { strategy, present, https } = await prepare(t)
    const upstream = await origin(t, ({ headers }, response) => response.end(headers['x-proxy-user']))
    const { port } = await gateway(t, {
      strategies: [strategy],
      reverse: [{
        prefix: '/api',
        upstream: upstream.url,
        replyOptions: { rewriteRequestHeaders: ({ proxyAuth }, headers) => ({ ...headers, 'x-proxy-user': proxyAuth!.name }) }
      }],
      level: 'warn',
      ...(https !== undefined && { fastify: { https } as never })
    })
    const { challenge } = await send(t, port, https === undefined ? {} : { rejectUnauthorized: false }, https !== undefined)
    const answers = await Promise.all(Array.from({ length: REQUESTS }, async (_, index) => {
      const user = USERS[index % USERS.length]!
      const { status, content } = await send(t, port, present(user, challenge), https !== undefined)
      return status === 200 && content === user ? null : `${user}: ${status} ${content}`
    }))
    t.same(answers.filter(wrong => wrong !== null), [])
    t.equal(upstream.seen.length, REQUESTS)
  })
}
