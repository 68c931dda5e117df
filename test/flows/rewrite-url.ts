import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const rewriteUrl = ({ url }: { url?: string }): string => url!.replace(/^\/old\b/, '/api')
const head = (line: string, ...fields: string[]): string => `${[`${line} HTTP/1.1`, ...fields].join('\r\n')}\r\n\r\n`

for (const forward of [undefined, { special: ['127.0.0.1:*'] }]) {
  const where = forward === undefined ? 'reverse alone' : 'reverse and forward'
  const lab = async (t: Parameters<typeof gateway>[0], route: object = {}) => {
    const upstream = await webSocketOrigin(t)
    const options = { fastify: { rewriteUrl }, forward, reverse: [{ prefix: '/api', upstream: upstream.url, websocket: true, ...route }] } as unknown as GatewayOptions
    return { upstream, gate: await gateway(t, options) }
  }

  t.test(`rewriteUrl leads to a reverse route, ${where}: no 100 before the verdict (F-69)`, async t => {
    const { gate } = await lab(t)
    const expecting = ['Host: gw.test', 'Expect: 100-continue', 'Content-Length: 3']
    const stranger = await RawClient.to(t, gate.port)
    t.match(await stranger.send(head('POST /old/x', ...expecting)).answer(), /^HTTP\/1\.1 407 /)
    const alice = await RawClient.to(t, gate.port)
    t.match(await alice.send(head('POST /old/x', ...expecting, `Proxy-Authorization: ${ALICE}`)).answer(), /^HTTP\/1\.1 100 /)
    t.match(await alice.send('abc').answer(), /^HTTP\/1\.1 200 /)
    const own = await RawClient.to(t, gate.port)
    t.match(await own.send(head('POST /own', ...expecting)).until(text => text.includes('404')), /^HTTP\/1\.1 100 /, 'the application\'s own as ever')
  })

  t.test(`rewriteUrl leads to a reverse route, ${where}: userinfo in Host is refused, and nowhere (F-69)`, async t => {
    const { gate } = await lab(t)
    const client = await RawClient.to(t, gate.port)
    t.match(await client.send(head('GET /old/x', 'Host: alice:canary@gw.test', `Proxy-Authorization: ${ALICE}`)).end(), /^HTTP\/1\.1 400 (?!.*canary)/s)
    await gate.logged(({ msg }) => msg === 'request completed')
    t.notMatch(JSON.stringify(gate.log), /canary/)
  })

  for (const [by, route] of [['as they are', {}], ['by @fastify/http-proxy', { wsClientOptions: {} }]] as const) {
    t.test(`rewriteUrl leads to a reverse route, ${where}: WebSockets pass ${by} (F-69)`, async t => {
      const { gate } = await lab(t, route)
      const url = `ws://127.0.0.1:${gate.port}/old/ws`
      const [, { statusCode }] = await next<{ statusCode: number }>(webSocket(t, url), 'unexpected-response') as [unknown, { statusCode: number }]
      t.equal(statusCode, 407)
      const socket = webSocket(t, url, { headers: { 'Proxy-Authorization': ALICE } })
      await next(socket, 'open')
      socket.send('text')
      t.equal(String((await next(socket, 'message'))[0]), 'text')
    })
  }
}

t.test('rewriteUrl that throws or returns no text: as Fastify alone has it, and the process goes on (F-69)', async t => {
  const gate = await gateway(t, {
    fastify: { rewriteUrl: ({ url }: { url?: string }) => url === '/number' ? 1 as never : url! },
    reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:1', websocket: true } as never]
  })
  const client = await RawClient.to(t, gate.port)
  t.equal(await client.send(head('POST /number', 'Host: a@gw.test', 'Content-Length: 1')).end(), '')
  const other = await RawClient.to(t, gate.port)
  t.match(await other.send(head('GET /api/x', 'Host: gw.test')).answer(), /^HTTP\/1\.1 407 /)
})
