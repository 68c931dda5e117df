import t from 'tap'
import { Agent, Client, Pool, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import type { Dispatcher } from 'undici'
import { chooseUpstream } from '../../../lib/proxy/reverse/choose-client.js'
import type { ReverseUpstream } from '../../../lib/proxy/reverse/choose-client.js'
import type { OutgoingRequest } from '../../../lib/proxy/reverse/client.js'
import type { HttpProxyRoute } from '../../../lib/proxy/reverse/route.js'
import { mocked } from '../../fixtures/mocked.js'

const FROM = () => () => {}
const choose = (route: object) => chooseUpstream({ upstream: 'http://up.test', ...route } as HttpProxyRoute, FROM)

t.test('no options for the client: undici is used, driven by this plugin', async t => {
  const upstream = choose({})
  t.match(upstream, { ours: true, client: { version: '1.1' } })
  await upstream.client.close()
})

t.test('settings or an instance of undici in the options: they are used', async t => {
  const cause = new Error('connector of the options')
  const failing = (_options: object, callback: (error: Error, socket: null) => void) => callback(cause, null)
  for (const undici of [{ connect: failing }, new Agent({ connect: failing as never }), new Pool('http://up.test', { connect: failing as never })]) {
    const upstream = choose({ undici })
    t.ok(upstream.ours)
    t.equal(await failure(upstream), cause)
    await upstream.client.close()
  }
})

t.test('globalAgent: each request uses the global dispatcher of its time, which is not ours to end', async t => {
  const upstream = choose({ globalAgent: true })
  const before = getGlobalDispatcher()
  t.teardown(() => setGlobalDispatcher(before))
  const cause = new Error('global')
  setGlobalDispatcher(new Agent({ connect: ((_options: object, callback: (error: Error, socket: null) => void) => callback(cause, null)) as never }))
  t.equal(await failure(upstream), cause)
  await upstream.client.close()
  t.notOk((getGlobalDispatcher() as Agent & { destroyed: boolean }).destroyed, 'it is not ours to end')
})

t.test('settings that the options leave open: they are those of the pool of @fastify/http-proxy', async t => {
  let options: Record<string, unknown> = {}
  class Spy extends Agent { constructor (given: object) { super(given); options = given as never } }
  const { chooseUpstream } = await mocked<typeof import('../../../lib/proxy/reverse/choose-client.js')>(t, 'lib/proxy/reverse/choose-client.js', {
    undici: { ...await import('undici'), Agent: Spy }
  })
  chooseUpstream({ upstream: 'http://up.test', undici: { connections: 3 } } as never, FROM)
  t.match(options, { pipelining: 1, connections: 3, connect: Function })
  const factory = options['factory'] as (origin: string, options: object) => Dispatcher
  const connect = () => {}
  t.ok(factory('http://up.test', { connections: 1, connect }) instanceof Client, 'as undici has it')
  t.ok(factory('http://up.test', { connections: 2, connect }) instanceof Pool)
  t.equal(chooseUpstream({ upstream: 'http://up.test' } as never, FROM).bodyTimeout, 300_000, 'as undici has it')
  t.equal(chooseUpstream({ upstream: 'http://up.test', undici: { bodyTimeout: 7 } } as never, FROM).bodyTimeout, 7)
})

t.test('a parent proxy in the options, as text, URL or object: undici is used through it', async t => {
  const uri = 'http://parent.test:1'
  for (const proxy of [uri, new URL(uri), { uri }]) {
    const upstream = choose({ undici: { proxy } })
    t.ok(upstream.ours)
    await upstream.client.close()
  }
})

t.test('certificates of the upstream: they are verified unless the options say no themselves', async t => {
  const no = { rejectUnauthorized: false }
  t.match(choose({ http: true }).options, { undici: false, http: { requestOptions: { rejectUnauthorized: true } } })
  t.match(choose({ undici: false }).options, { undici: false, http: { requestOptions: { rejectUnauthorized: true } } })
  t.match(choose({ http: { requestOptions: { timeout: 1 }, agentOptions: { keepAlive: false } } }).options,
    { http: { requestOptions: { rejectUnauthorized: true, timeout: 1 }, agentOptions: { keepAlive: false } } })
  t.match(choose({ http: { requestOptions: no } }).options, { http: { requestOptions: no } })
  t.match(choose({ http2: true }).options, { http2: { sessionOptions: { rejectUnauthorized: true } } })
  t.match(choose({ http2: { sessionOptions: no, requestTimeout: 1 } }), { client: { version: '2.0' }, ours: false, options: { http2: { sessionOptions: no, requestTimeout: 1 } } })
  t.match(choose({ upstream: ['https://a.test', 'https://b.test'] }), { ours: false, options: { undici: { tls: { rejectUnauthorized: true } } } })
  t.match(choose({ upstream: 'unix+https://%2fx/', undici: { connections: 1, tls: no } }).options, { undici: { connections: 1, tls: no } })
})

t.test('a client that is not of undici: it stays as it is', async t => {
  const undici = { request () {} }
  const upstream = choose({ undici })
  t.match(upstream, { ours: false })
  t.equal(upstream.options['undici'], undici)
  await upstream.client.close()
})

/** What a request to that upstream fails with. */
async function failure ({ client }: ReverseUpstream): Promise<Error> {
  return await new Promise(resolve => {
    client.send({
      request: { raw: {}, proxyAuth: null }, destination: { origin: 'http://up.test', path: '/' }, query: '', method: 'GET', fields: [], content: null, relay: {}
    } as unknown as OutgoingRequest, { onResponseError: (_controller, error) => resolve(error) })
  })
}
