// A forward proxy for the tokens of an identity provider, whose keys it fetches (JWKS). Clients that know Basic alone send the token as password.
//   ISSUER=https://idp.example.org JWKS=https://idp.example.org/keys node examples/jwks.mjs
//   curl -x http://127.0.0.1:8080 --proxy-header "Proxy-Authorization: Bearer $TOKEN" https://example.org/
//   curl -x http://token:$TOKEN@127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, BearerStrategy } from 'fastify-proxy-auth'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER = 'https://idp.example.org', JWKS = `${ISSUER}/keys`, AUDIENCE = 'egress', SPECIAL, PORT = 8080 } = process.env
const keys = createRemoteJWKSet(new URL(JWKS), { timeoutDuration: 2000 })
const claims = { issuer: ISSUER, audience: AUDIENCE, algorithms: ['RS256', 'ES256'], requiredClaims: ['sub', 'exp'] }

async function verify (token) {
  try {
    const { payload: { sub, groups = [] } } = await jwtVerify(token, keys, claims)
    return { username: sub, groups }
  } catch (error) {
    if (/^ERR_(?:JW[ST]|JOSE_(?:ALG|NOT)|JWKS_(?:NO|MULTIPLE))_/.test(error.code)) return null // the token is wrong: 407
    throw Object.assign(new Error('no keys from the identity provider', { cause: error }), { statusCode: 503 })
  }
}

const app = Fastify({ logger: true })
const strategies = [new BasicStrategy({ verify: ({ password }) => verify(password) }), new BearerStrategy({ verify })]
await app.register(proxyAuth, { realm: 'Egress', strategies, forward: { special: SPECIAL?.split(',') } })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
