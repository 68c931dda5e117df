// What node and the libraries under us do that a proxy has to know of: requirements §21.
import { createHash } from 'node:crypto'
import t from 'tap'
import { BasicStrategy, BearerStrategy, verifyStatic } from '../../lib/index.js'
import { findDigestAlgorithm } from '../../lib/schemes/digest/algorithm.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

const basicOf = (pair: string) => `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`

t.test('UTF-8 in a field, whose octets node gives as latin1: it is decoded (R-NODE-3)', async t => {
  const target = await origin(t)
  const strategies = [new BasicStrategy({ verify: verifyStatic({ Jäsøn: 'p\u00e4ss' }) })]
  const { port, proxied } = await gateway(t, { strategies })
  const client = await RawClient.to(t, port)
  client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${basicOf('J\u00e4s\u00f8n:p\u00e4ss')}\r\nConnection: close\r\n\r\n`)
  t.match(await client.end(), /^HTTP\/1\.1 200 /)
  t.match(proxied(), [{ user: 'J\u00e4s\u00f8n' }])
})

t.test('an absolute-form request with the path of a reverse route: it does not match the route (R-NODE-8)', async t => {
  const target = await origin(t)
  const upstream = await origin(t)
  const { port } = await gateway(t, { reverse: [{ prefix: '/g', upstream: upstream.url }] })
  const client = await RawClient.to(t, port)
  client.send(`GET ${target.url}/g/abs HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
  t.match(await client.end(), /^HTTP\/1\.1 200 /)
  t.match(target.seen, [{ url: '/g/abs' }])
  t.equal(upstream.connections, 0)
})

t.test('a hash by SHA-512-256: it is that of FIPS 180-4, not a cut-off SHA-512 (R-NODE-9)', async t => {
  const digest = findDigestAlgorithm('SHA-512-256')!.digest(Buffer.from('abc'))
  t.equal(digest, '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23', 'FIPS 180-4, example of SHA-512/256')
  t.not(digest, createHash('sha512').update('abc').digest('hex').slice(0, 64))
})

t.test('credentials that are no base64, although node would decode them: they are refused (R-NODE-10)', async t => {
  t.equal(Buffer.from('dTp!w', 'base64').toString(), Buffer.from('dTpw', 'base64').toString(), 'node skips what it does not know')
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send('GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic dTp!w\r\nConnection: close\r\n\r\n')
  t.match(await client.end(), /^HTTP\/1\.1 400 [^]*FST_PROXY_AUTH_MALFORMED_CREDENTIALS/)
})

t.test('a token for the origin, where the verifier looks at the audience: the proxy does not accept it (R-BEARER-10)', async t => {
  const target = await origin(t)
  const tokens: Record<string, { aud: string }> = { 'for-origin': { aud: 'origin' }, 'for-proxy': { aud: 'proxy' } }
  const strategies = [new BearerStrategy({ verify: token => tokens[token]?.aud === 'proxy' ? { username: 'alice' } : null })]
  const { port } = await gateway(t, { strategies })
  const ask = async (proxy: string) => {
    const client = await RawClient.to(t, port)
    client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer for-origin\r\nProxy-Authorization: Bearer ${proxy}\r\nConnection: close\r\n\r\n`)
    return await client.end()
  }
  t.match(await ask('for-origin'), /^HTTP\/1\.1 407 /)
  t.match(await ask('for-proxy'), /^HTTP\/1\.1 200 /)
  t.match(target.seen, [{ headers: { authorization: 'Bearer for-origin' } }])
})

t.test('credentials that come unasked on every request: they are verified each time, and cost no 407 (R-BASIC-13)', async t => {
  const target = await origin(t)
  let verified = 0
  const verify = verifyStatic({ alice: 'alice-secret' })
  const strategies = [new BasicStrategy({ verify: pair => { verified += 1; return verify(pair) } })]
  const { port } = await gateway(t, { strategies })
  const client = await RawClient.to(t, port)
  for (let i = 0; i < 20; i++) {
    client.send(`GET ${target.url}/${i} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    t.match(await client.answer(), /^HTTP\/1\.1 200 /)
  }
  t.equal(verified, 20)
})

t.test('a request that is refused to one user: a shared cache must not keep the response (R-CACHE-3)', async t => {
  const { port } = await gateway(t)
  for (const target of ['http://10.0.0.1/', 'http://127.0.0.1:1/']) {
    const client = await RawClient.to(t, port)
    client.send(`GET ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
    t.match(await client.end(), /^HTTP\/1\.1 (?:403|502) [^]*\r\ncache-control: no-store\r\n/i)
  }
})

t.test('NTLM and Negotiate: they are offered only where they are configured, and then with a warning in the log (R-CH-12)', async t => {
  const plain = await gateway(t)
  const refusal = await fetch(`${plain.url}/`).catch(() => null)
  t.ok(refusal, 'the application answers')
  const client = await RawClient.to(t, plain.port)
  client.send('GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const answer = await client.end()
  t.match(answer, /^HTTP\/1\.1 407 /)
  t.notMatch(answer, /NTLM|Negotiate/i)

  const legs = { name: 'legs', authenticate (this: { fail (challenge: string): void }) { this.fail('Negotiate') } }
  const bound = await gateway(t, { strategies: [{ strategy: legs, scheme: 'Negotiate' }], connectionBound: true })
  const second = await RawClient.to(t, bound.port)
  second.send('GET http://127.0.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.match(await second.end(), /\r\nproxy-authenticate: Negotiate\r\n/i)
  t.ok(bound.log.some(line => line['level'] === 40 && line['strategy'] === 'legs'), 'the log warns')
})

t.test('a challenge of Basic: it has realm and charset, while the challenge of an origin passes as it is (R-BASIC-10)', async t => {
  const theirs = 'Basic realm="origin", odd="1", charset="UTF-8"'
  const target = await origin(t, (_request, response) => response.writeHead(401, { 'WWW-Authenticate': theirs }).end())
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\n\r\n`)
  t.match(await client.answer(), '\r\nProxy-Authenticate: Basic realm="Gateway", charset="UTF-8"\r\n')
  client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`)
  t.match(await client.end(), `\r\nWWW-Authenticate: ${theirs}\r\n`)
})

t.test('an error on a reverse route: Proxy-Status comes from us as an intermediary, and only in the head (R-PS-8, R-PS-10)', async t => {
  const { port } = await gateway(t, { reverse: [{ prefix: '/g', upstream: 'http://127.0.0.1:1' }] })
  const client = await RawClient.to(t, port)
  client.send(`GET /g/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\nTE: trailers\r\n\r\n`)
  const answer = await client.end()
  t.match(answer, /^HTTP\/1\.1 502 [^]*\r\nproxy-status: \S+; error=connection_refused; request-id="req-\w+"\r\n/i)
  t.notMatch(answer, /\r\ntrailer:/i)
})

t.test('TE in a request: it is not sent on, and so not named in Connection (R-HOP-7)', async t => {
  const target = await origin(t)
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.send(`GET ${target.url}/ HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, close\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
  t.match(await client.end(), /^HTTP\/1\.1 200 /)
  const { headers } = target.seen[0]!
  t.equal(headers.te, undefined)
  t.notMatch(headers.connection ?? '', /te/i)
})
