import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, Strategy } from 'fastify-proxy-auth'
import type { ProxyIdentity } from 'fastify-proxy-auth'
import { expect, test } from 'tstyche'

const app = Fastify()
const basic = new BasicStrategy({ verify: () => null })

test('register takes the options and nothing else', () => {
  expect(app.register(proxyAuth, { strategies: [basic] })).type.not.toRaiseError()
  expect(app.register(proxyAuth, { strategies: [basic], realm: 1 })).type.toRaiseError()
})

test('request', () => {
  app.get('/', async (request) => {
    expect(request.proxyAuth).type.toBe<ProxyIdentity | null>()
  })
  expect<BasicStrategy>().type.toBeAssignableTo<Strategy>()
})
