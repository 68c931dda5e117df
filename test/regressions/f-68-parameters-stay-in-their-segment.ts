import t from 'tap'
import type { Test } from 'tap'
import type { ReverseRoute } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

/** What comes of a path: the status, or the path that the upstream got. */
async function around (t: Test, route: object) {
  const upstream = await origin(t)
  const { port } = await gateway(t, { forward: undefined, reverse: [{ upstream: upstream.url, ...route } as ReverseRoute] })
  return async (path: string): Promise<number | string> => {
    const client = await RawClient.to(t, port)
    const { status } = readAnswer(await client.send(`GET ${path} HTTP/1.1\r\nHost: gw.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`).answer())
    return status === 200 ? upstream.seen.pop()!.url : status
  }
}

const TENANTS = { prefix: '/t/:tenant', rewritePrefix: '/tenants/:tenant/data' }

t.test('a parameter in the path of the upstream: it stays in its segment, or the request is refused (F-68)', async t => {
  for (const route of [TENANTS, { ...TENANTS, preRewrite: (url: string) => url }]) {
    const ask = await around(t, route)
    for (const [given, comes] of [
      ['/t/a/x', '/tenants/a/data/x'], ['/t/a', '/tenants/a/data'], ['/t/a?b=/c', '/tenants/a/data?b=/c'],
      ['/t/%3fq/x', 400], ['/t/%3Fq', 400], ['/t/a%2fb/x', 400], ['/t/a%2Fb', 400], ['/t/a%5cb/x', 400], ['/t/a\\b/x', 400], ['/t/a%23b/x', 400],
      ['/t/./x', 400], ['/t/../x', 400], ['/t/%2e%2E/x', 400], ['/t/.%2e/x', 400], ['/t/%2e', 400],
      ["/t/$'/x", "/tenants/$'/data/x"], ['/t/$&/x', '/tenants/$&/data/x'], ['/t/$$/x', '/tenants/$$/data/x'], ['/t/$`$1$</x', '/tenants/$%60$1$%3C/data/x'],
      ['/t/a%20b/x', '/tenants/a%20b/data/x'], ['/t/%C3%A9/x', '/tenants/%C3%A9/data/x'], ['/t/%252e%252e/x', '/tenants/%252e%252e/data/x'],
      ['/t/%252f/x', '/tenants/%252f/data/x'], ['/t/urn:a/x', '/tenants/urn:a/data/x'], ['/t/a;b,c=d/x', '/tenants/a;b,c=d/data/x']
    ] as const) t.equal(await ask(given), comes, given)
  }
})

t.test('several parameters, also in the path of `upstream` itself: none is inserted into another (F-68)', async t => {
  const upstream = await origin(t)
  const ask = await around(t, { prefix: '/:a/of/:b', rewritePrefix: '/x/:a/y/:b' })
  t.equal(await ask('/1/of/2/z'), '/x/1/y/2/z')
  t.equal(await ask('/:b/of/2/z'), '/x/%3Ab/y/2/z')
  t.equal(await ask('/1/of/..%2f/z'), 400)
  const { port } = await gateway(t, { forward: undefined, reverse: [{ prefix: '/t/:tenant', upstream: `${upstream.url}/in/:tenant` }] })
  const client = await RawClient.to(t, port)
  const answer = await client.send(`GET /t/a%2fb/x HTTP/1.1\r\nHost: gw.test\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer()
  t.equal(readAnswer(answer).status, 400)
  t.same(upstream.seen, [])
})

t.test('a parameter that the path of the upstream does not take over: as it was (F-68)', async t => {
  const ask = await around(t, { prefix: '/t/:tenant', rewritePrefix: '/all' })
  t.equal(await ask('/t/a%2fb/x'), '/all/x')
})

t.test('functions in the options that take the parameters: they see them as Fastify has them (F-68)', async t => {
  const seen: unknown[] = []
  const ask = await around(t, {
    ...TENANTS,
    preRewrite: (url: string, params: { tenant: string }, prefix: string) => { seen.push(params.tenant, prefix); return url },
    replyOptions: { getUpstream: ({ params }: { params: { tenant: string } }, base: string) => { seen.push(params.tenant); return base } }
  })
  t.equal(await ask('/t/$&%20/x'), '/tenants/$&%20/data/x')
  t.same(seen, ['$& ', '/t/:tenant', '$& '])
})

for (const ways of [{}, { wsClientOptions: {} }]) {
  t.test(`a WebSocket, ${Object.keys(ways).length === 0 ? 'as it is' : 'by http-proxy'}: its parameters stay where they are (F-68)`, async t => {
    const upstream = await webSocketOrigin(t)
    const { port } = await gateway(t, { forward: undefined, reverse: [{ ...TENANTS, upstream: upstream.url, websocket: true, ...ways } as ReverseRoute] })
    const open = (path: string) => webSocket(t, `ws://127.0.0.1:${port}`, { target: path, headers: { 'Proxy-Authorization': ALICE } })
    const socket = open('/t/$&/x')
    await next(socket, 'open')
    socket.send('echo')
    await next(socket, 'message')
    t.match(upstream.seen.map(({ url }) => url), ['/tenants/$&/data/x'])
    const [, response] = await next<{ statusCode: number }>(open('/t/a%2fb/x'), 'unexpected-response')
    t.equal(response!.statusCode, 400)
    t.equal(upstream.seen.length, 1)
  })
}
