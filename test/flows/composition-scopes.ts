// Several gateways in one application, in scopes beside each other: each has its realm, its strategies, its reverse routes.
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import proxyAuth, { BasicStrategy, DigestStrategy, answerDigestChallenge, lookupStatic, proxyAuthenticate, verifyStatic } from '../../lib/index.js'
import { basic } from '../fixtures/foreign/rows.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

/** Three of them, one of which is the forward proxy of the server. */
async function gateways (t: Test) {
  const upstream = await origin(t)
  const app = Fastify()
  t.teardown(() => app.close())
  const reverse = [{ prefix: '/api', upstream: upstream.url }]
  await app.register(async scope => {
    await scope.register(proxyAuth, { realm: 'Staff', strategies: [new BasicStrategy({ verify: verifyStatic({ alice: 'alice-secret' }) })], reverse, identity: { header: 'x-user' } })
  }, { prefix: '/staff' })
  await app.register(async scope => {
    const strategy = foreign('key', function ({ headers }) { headers.authorization === 'Key k' ? this.success('partner') : this.fail() })
    await scope.register(proxyAuth, { realm: 'Partners', strategies: [{ strategy, scheme: 'Key' }], reverse, identity: { header: 'x-user' } })
  }, { prefix: '/partners' })
  await app.register(async scope => {
    await scope.register(proxyAuth, {
      realm: 'Egress', strategies: [new BasicStrategy({ verify: verifyStatic({ ci: 'ci-secret' }) })], forward: { special: [upstream.authority] }
    })
  })
  app.get('/own', async request => ({ has: 'proxyAuth' in request }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const ask = async (line: string, credentials?: string): Promise<Answer> => {
    const client = await RawClient.to(t, port)
    const field = credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]
    const answer = readAnswer(await client.send([`${line} HTTP/1.1`, 'Host: a.test', ...field, '', ''].join('\r\n')).answer())
    client.socket.destroy()
    return answer
  }
  return { upstream, ask }
}

t.test('several gateways in scopes: each has its own realm, and credentials for one are refused by another (R-REALM-1, R-MAP-5)', async t => {
  const { upstream, ask } = await gateways(t)
  const places: Array<[name: string, line: string, challenge: string, right: string, user: string]> = [
    ['Staff', 'GET /staff/api/x', 'Basic realm="Staff", charset="UTF-8"', basic('alice:alice-secret'), 'alice'],
    ['Partners', 'GET /partners/api/x', 'Key realm="Partners"', 'Key k', 'partner'],
    ['Egress', `GET ${upstream.url}/x`, 'Basic realm="Egress", charset="UTF-8"', basic('ci:ci-secret'), ''],
    ['Egress', `CONNECT ${upstream.authority}`, 'Basic realm="Egress", charset="UTF-8"', basic('ci:ci-secret'), '']
  ]
  for (const [name, line, challenge, right, user] of places) {
    for (const credentials of [undefined, ...places.map(([, , , other]) => other).filter(other => other !== right)]) {
      t.match(await ask(line, credentials), { status: 407, fields: { 'proxy-authenticate': challenge } }, `${name}: ${line}`)
    }
    const before = upstream.seen.length
    t.equal((await ask(line, right)).status, 200, `${name}: ${line}`)
    if (!line.startsWith('CONNECT')) t.equal(upstream.seen[before]!.headers['x-user'] ?? '', user)
  }
  t.match(await ask('GET /own'), { status: 200, body: '{"has":false}' })
})

t.test('realms that differ in case: they are two, and credentials for one are refused in the other (R-REALM-3)', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  // One key: the nonces of either would be good for the other.
  const keys = ['a key of thirty-two octets, shared']
  for (const realm of ['Lab', 'lab']) {
    await app.register(async scope => {
      await scope.register(proxyAuth, { realm, strategies: [new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), keys })] })
      scope.get('/', { onRequest: proxyAuthenticate }, async ({ proxyAuth }) => proxyAuth?.realm)
    }, { prefix: `/of-${realm}` })
  }
  const credentialsOf = async (realm: string, uri: string) => {
    const { headers } = await app.inject(`/of-${realm}`)
    return answerDigestChallenge(headers['proxy-authenticate'] as string[], { username: 'alice', password: 'alice-secret', method: 'GET', uri, nc: 1, cnonce: realm })!.credentials
  }
  for (const [realm, at, status] of [['Lab', 'Lab', 200], ['lab', 'lab', 200], ['Lab', 'lab', 407], ['lab', 'Lab', 407]] as const) {
    const url = `/of-${at}`
    const { statusCode, body } = await app.inject({ url, headers: { 'proxy-authorization': await credentialsOf(realm, url) } })
    t.equal(statusCode, status, `for ${realm} at ${at}`)
    if (status === 200) t.equal(body, realm)
  }
})
