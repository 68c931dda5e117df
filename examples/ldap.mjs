// A forward proxy for the users of a directory who are in the group `proxy`. Verdicts are remembered for five minutes.
//   LDAP_URL=ldap://127.0.0.1 LDAP_BASE=dc=example,dc=org LDAP_READER=cn=reader,dc=example,dc=org LDAP_PASSWORD=reader-secret node examples/ldap.mjs
//   curl -x http://alice:alice-secret@127.0.0.1:8080 https://example.org/
import Fastify from 'fastify'
import proxyAuth, { BasicStrategy } from 'fastify-proxy-auth'
import { Client, EqualityFilter, InvalidCredentialsError } from 'ldapts'
const { LDAP_URL: url, LDAP_BASE: base, LDAP_READER, LDAP_PASSWORD, LDAP_NAME = 'uid', SPECIAL, PORT = 8080 } = process.env
async function verify ({ username, password }) {
  if (password === '') return null // a directory accepts every name without a password
  const client = new Client({ url, timeout: 2000, connectTimeout: 2000 })
  const find = (attribute, value) => client.search(base, { filter: new EqualityFilter({ attribute, value }), attributes: ['cn'] })
  let isTheirs = false // whether a refusal is one of the user's password, and not of ours
  try {
    await client.bind(LDAP_READER, LDAP_PASSWORD)
    const { searchEntries: [user, another] } = await find(LDAP_NAME, username)
    if (user === undefined || another !== undefined) return null
    const { searchEntries: groups } = await find('member', user.dn)
    isTheirs = true
    await client.bind(user.dn, password)
    return { username, groups: groups.map(({ cn }) => cn) }
  } catch (cause) {
    if (isTheirs && cause instanceof InvalidCredentialsError) return null
    throw Object.assign(new Error('the directory cannot tell', { cause }), { statusCode: 503 })
  } finally { await client.unbind() }
}
const app = Fastify({ logger: true })
const strategies = [new BasicStrategy({ verify, cache: true })]
const check = (_target, { user }) => user.groups.includes('proxy') || 'for the group proxy alone'
await app.register(proxyAuth, { realm: 'Directory', strategies, forward: { check, special: SPECIAL?.split(',') } })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
