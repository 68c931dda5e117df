import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { anonymousAccess } from '../../lib/registration/anonymous-access.js'
import { receive } from '../../lib/proxy/ingress/target-form.js'
import { readAnonymous } from '../../lib/options/anonymous.js'

const access = (to: string[]) => anonymousAccess({ anonymous: readAnonymous({ to, name: 'guest' }, []), realm: 'Gateway' })!
const request = (method: string, url: string) => {
  const headers = { host: 'gw.test' }
  const raw = { method, url, httpVersion: '1.1', httpVersionMajor: 1, headers, rawHeaders: ['Host', 'gw.test'], socket: {} } as unknown as IncomingMessage
  receive(raw) // as it comes in
  return raw
}

t.test('no option for anonymous access: there is none', async t => {
  t.equal(anonymousAccess({ anonymous: undefined, realm: 'Gateway' }), undefined)
})

t.test('targets named in the options: only requests for these are admitted', async t => {
  const { name, realm, admits } = access(['*.test', '192.0.2.0/24'])
  t.same({ name, realm }, { name: 'guest', realm: 'Gateway' })
  for (const [method, url] of [['GET', 'http://a.test/'], ['CONNECT', 'A.test:443'], ['CONNECT', '192.0.2.7:22']] as const) {
    t.equal(admits(request(method, url)), true, url)
  }
  for (const [method, url] of [
    ['GET', 'http://a.example/'], ['CONNECT', '198.51.100.1:443'], ['GET', '/'], ['OPTIONS', '*'], ['GET', 'a.test'], ['CONNECT', 'a.test']
  ] as const) t.equal(admits(request(method, url)), false, url)
})

t.test('a route that a registration opens: it admits whatever the target, and no other registration does (F-63)', async t => {
  const [{ admits, openToAll }, other] = [access([]), access([])]
  const [first, second] = [request('GET', '/'), request('GET', '/')]
  const ask = openToAll(({ raw }: FastifyRequest, reply: string) => [admits(raw), reply])
  t.same(ask({ raw: first } as FastifyRequest, 'reply'), [true, 'reply'])
  t.equal(admits(second), false)
  t.equal(other.admits(first), false)
})
