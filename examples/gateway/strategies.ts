import { BasicStrategy, BearerStrategy, DigestStrategy, lookupStatic, verifyStatic } from 'fastify-proxy-auth'
import type { Environment } from './environment.js'

/** The demo's accounts. In a real gateway they come from where yours are, and no password stands in a source. */
const users = { alice: 'alice-secret', bob: 'bob-secret' }
const tokens: Readonly<Record<string, string>> = { 'alice-token': 'alice', 'bob-token': 'bob' }

const make: Readonly<Record<string, (env: Environment) => BasicStrategy | BearerStrategy | DigestStrategy>> = {
  basic: () => new BasicStrategy({ verify: verifyStatic(users) }),
  digest: env => new DigestStrategy({ ...lookupStatic(users), ...env.digest }),
  bearer: () => new BearerStrategy({
    verify: token => Object.hasOwn(tokens, token) ? { username: tokens[token]! } : null
  })
}

export function strategiesFor (env: Environment) {
  return env.schemes.map(scheme => make[scheme]!(env))
}
