import { Aws4Strategy, BasicStrategy, BearerStrategy, DigestStrategy, NegotiateStrategy, NtlmStrategy, lookupStatic, verifyStatic } from 'fastify-proxy-auth'
import type { Strategy } from 'fastify-proxy-auth'
import type { Environment } from './environment.js'

/** The demo's accounts. In a real gateway they come from where yours are, and no password stands in a source. */
const users: Readonly<Record<string, string>> = { alice: 'alice-secret', bob: 'bob-secret' }
const tokens: Readonly<Record<string, string>> = { 'alice-token': 'alice', 'bob-token': 'bob' }

const make: Readonly<Record<string, (env: Environment) => Strategy>> = {
  basic: () => new BasicStrategy({ verify: verifyStatic(users) }),
  digest: env => new DigestStrategy({ ...lookupStatic(users), ...env.digest }),
  bearer: () => new BearerStrategy({
    verify: token => Object.hasOwn(tokens, token) ? { username: tokens[token]! } : null
  }),
  ntlm: () => new NtlmStrategy({ lookup: lookupStatic(users).lookup }),
  // The keytab is the one that KRB5_KTNAME names.
  negotiate: () => new NegotiateStrategy(),
  aws4: () => new Aws4Strategy({
    region: 'local',
    service: 'proxy',
    lookup: id => Object.hasOwn(users, id) ? { secret: users[id]! } : null
  })
}

export function strategiesFor (env: Environment) {
  return env.schemes.map(scheme => make[scheme]!(env))
}
