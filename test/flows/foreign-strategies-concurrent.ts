import jsonwebtoken from 'jsonwebtoken'
import { certificate, openssl } from '../fixtures/certificate.js'
import { PATH, USERS, delayed, proxy, testConcurrently } from '../fixtures/concurrently.js'
import type { Row } from '../fixtures/concurrently.js'
import { azureDirectory } from '../fixtures/foreign/azure.js'
import { AzureBearer, ClientCertificate, Custom, ExtractJwt, Hawk, HeaderApiKey, HttpBasic, HttpBearer, Jwt, Ldap } from '../fixtures/foreign/packages.js'
import { basic, hawk, lookUp } from '../fixtures/foreign/rows.js'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'

const SECRET = 'a secret of thirty-two octets !!'

type Done = (error: unknown, user?: unknown) => void
const answerLater = (user: unknown, done: Done): void => { delayed(user).then(known => done(null, known)) }
const byPassword = (name: string, password: string, done: Done): void => answerLater(password === `secret of ${name}` && { username: name }, done)
const byToken = (token: string, done: Done): void => answerLater({ username: token.slice('token-of-'.length) }, done)

const rows: Row[] = [
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

testConcurrently(rows)
