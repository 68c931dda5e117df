import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import proxyAuth, { DigestStrategy, answerDigestChallenge, lookupStatic } from '../../lib/index.js'
import { origin } from '../fixtures/origin.js'
import { wholeAnswer } from '../fixtures/whole-answer.js'

const RIGHT = { username: 'alice', password: 'alice-secret' }

t.test('Digest on a reverse route: the target is signed as the client sent it, whatever becomes of it on the way (R-GW-6)', async t => {
  const upstream = await origin(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(async scope => {
    await scope.register(proxyAuth, {
      realm: 'Gateway',
      strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))],
      reverse: [
        { prefix: '/api', upstream: upstream.url, rewritePrefix: '/base' },
        { prefix: '/users/:id', upstream: upstream.url, rewritePrefix: '/people/:id' },
        { prefix: '/as-origin', upstream: upstream.url, rewritePrefix: '/', status: 401 }
      ]
    })
  }, { prefix: '/v1' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const rows: Array<[sent: string, forwarded: string, field: 'proxy-' | '']> = [
    ['/v1/api/x?y=1', '/base/x?y=1', 'proxy-'],
    ['/v1/api/a%2Fb', '/base/a%2Fb', 'proxy-'],
    ['/v1/users/7/mail', '/people/7/mail', 'proxy-'],
    ['/v1/as-origin/x', '/x', '']
  ]
  for (const [path, forwarded, side] of rows) {
    const asked = await wholeAnswer(t, { port, path })
    const challenge = asked.headers[side === '' ? 'www-authenticate' : 'proxy-authenticate'] as string
    const ask = async (uri: string, nc: number) => {
      const { credentials } = answerDigestChallenge(challenge, { ...RIGHT, method: 'GET', uri, nc, cnonce: randomUUID() })!
      return await wholeAnswer(t, { port, path, headers: { [`${side}authorization`]: credentials } })
    }
    t.equal((await ask(path, 1)).status, 200, path)
    t.equal(upstream.seen.at(-1)?.url, forwarded)
    t.equal((await ask(forwarded, 2)).status, 400, 'another target is another request')
  }
  t.equal(upstream.seen.length, rows.length)
})
