import { BasicStrategy, BearerStrategy, verifyStatic } from 'fastify-proxy-auth'

/** The demo's accounts. In a real gateway they come from where yours are, and no password stands in a source. */
const users = { alice: 'alice-secret', bob: 'bob-secret' }
const tokens: Readonly<Record<string, string>> = { 'alice-token': 'alice', 'bob-token': 'bob' }

const make = {
  basic: () => new BasicStrategy({ verify: verifyStatic(users) }),
  bearer: () => new BearerStrategy({
    verify: token => Object.hasOwn(tokens, token) ? { username: tokens[token]! } : null
  })
}

export function strategiesFor (schemes: string[]) {
  return schemes.map(scheme => make[scheme as keyof typeof make]())
}
