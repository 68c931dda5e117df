import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { logExchange } from '../../../lib/proxy/exchange/access-log.js'

function recorded (proxyAuth: object | null): unknown[][] {
  const lines: unknown[][] = []
  const log = { info: (...line: unknown[]) => { lines.push(line) } }
  const request = { log, method: 'GET', proxyAuth, headers: { authorization: 'canary' } } as unknown as FastifyRequest
  logExchange(request, 'http://a.test')({ status: 200, bytesIn: 1, bytesOut: 2, reason: 'idle' })
  return lines
}

t.test('one line: user, scheme, method, target, status, octets each way, duration, reason', async t => {
  const lines = recorded({ name: 'alice', scheme: 'Basic', user: { password: 'canary' } })
  t.equal(lines.length, 1)
  const [[{ proxy }, message]] = lines as [[{ proxy: Record<string, unknown> }, string]]
  t.strictSame({ ...proxy, durationMs: 0 }, {
    user: 'alice', scheme: 'Basic', method: 'GET', target: 'http://a.test', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 0, reason: 'idle'
  })
  t.ok(Number.isInteger(proxy['durationMs']))
  t.equal(message, 'proxied')
})

t.test('a user object: it is never in the line of the log (R-SEC-1)', async t => {
  t.notMatch(JSON.stringify(recorded({ name: 'alice', scheme: null, user: { password: 'canary' } })), /canary/)
})

t.test('an exchange without a user: user and scheme are null', async t => {
  const [[{ proxy }]] = recorded(null) as [[{ proxy: Record<string, unknown> }]]
  t.strictSame([proxy['user'], proxy['scheme']], [null, null])
})
