// A forward proxy for the users of a directory. A verdict is remembered for five minutes, so that a page with a hundred parts does not
// ask the directory a hundred times.
//   LDAP_URL=ldap://127.0.0.1:389 LDAP_BASE=dc=example,dc=org LDAP_BIND_DN=… LDAP_BIND_PASSWORD=… tsx examples/ldap.ts
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { parseCredentials } from 'fastify-proxy-auth'
import LdapStrategy from 'passport-ldapauth'

const ldap = new LdapStrategy({
  server: {
    url: process.env['LDAP_URL'] ?? 'ldap://127.0.0.1:389',
    bindDN: process.env['LDAP_BIND_DN'] ?? '',
    bindCredentials: process.env['LDAP_BIND_PASSWORD'] ?? '',
    searchBase: process.env['LDAP_BASE'] ?? 'dc=example,dc=org',
    searchFilter: process.env['LDAP_FILTER'] ?? '(uid={{username}})',
    searchAttributes: ['cn', 'uid'],
    connectTimeout: 2000
  },
  // It would look into a form. Here is nothing but `headers.authorization`, the value of Proxy-Authorization.
  credentialsLookup: ({ headers }) => {
    const pair = Buffer.from(parseCredentials(headers.authorization!).token68 ?? '', 'base64').toString()
    const colon = pair.indexOf(':')
    return colon < 1 ? {} : { username: pair.slice(0, colon), password: pair.slice(colon + 1) }
  }
})

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Directory',
  strategies: [{ strategy: ldap, scheme: 'Basic', cache: true }],
  principal: user => (user as { cn: string }).cn,
  strategyTimeout: 5000,
  forward: { special: process.env['FORWARD_SPECIAL']?.split(',') ?? [] }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 8080) })
