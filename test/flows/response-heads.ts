// How large the head of a response may be, by each client that a route can have.
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import type { Answer } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

const sized: Answer = (request, response) => {
  const size = Number(request.url!.slice(1))
  if (size > 30_000) response.setHeader('Set-Cookie', Array.from({ length: size / 1000 }, (_, i) => `c${i}=${'x'.repeat(980)}`))
  else response.setHeader('X-A', 'x'.repeat(size))
  response.end('ok')
}

const CLIENTS: Record<string, object> = {
  'of the route': {},
  'of node': { undici: false },
  'of @fastify/http-proxy, for several upstreams': { upstream: 'several' },
  'with a limit of its own': { undici: { maxHeaderSize: 50_000 }, maxResponseHead: 1_024 }
}

for (const [what, client] of [['forward', null], ...Object.entries(CLIENTS)] as Array<[string, object | null]>) {
  t.test(`the client ${what}: a head of 20,000 octets or 40 KiB of Set-Cookie goes on, one of 70,000 is a 502 that says so (F-13)`, async t => {
    const target = await origin(t, sized)
    const upstream = client !== null && 'upstream' in client ? [target.url] : target.url
    const { port } = await gateway(t, client === null ? {} : { reverse: [{ prefix: '/api', ...client, upstream, ...(Array.isArray(upstream) && { replyOptions: { getUpstream: () => target.url } }) } as never] })
    const ask = async (size: number) => {
      const where = client === null ? `${target.url}/${size}` : `/api/${size}`
      return await (await RawClient.to(t, port)).send(`GET ${where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).end()
    }
    t.match(await ask(20_000), /^HTTP\/1\.1 200 [^]*x{20000}/)
    t.equal((await ask(40_000)).match(/^set-cookie: c\d+=x{980}\r$/gim)?.length, 40)
    const large = await ask(70_000)
    t.match(large, /^HTTP\/1\.1 502 [^]*Proxy-Status: \S+; error=http_response_header_section_size; request-id="req-\w+"\r\n/i)
    t.match(large, /"FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE"[^]*"the head of the response from the target is too large"/)
  })
}

t.test('option maxResponseHead, in both modes: it decides how large a response head may be (F-13)', async t => {
  const target = await origin(t, sized)
  const { port } = await gateway(t, {
    forward: { special: ['127.0.0.1:*'], maxResponseHead: 2_000 },
    reverse: [{ prefix: '/api', upstream: target.url, maxResponseHead: 200_000 }, { prefix: '/small', upstream: target.url, maxResponseHead: 2_000 }]
  })
  for (const [where, size, status] of [[target.url, 1_000, 200], [target.url, 3_000, 502], ['/small', 1_000, 200], ['/small', 3_000, 502], ['/api', 100_000, 200]] as const) {
    const client = await RawClient.to(t, port)
    client.send(`GET ${where}/${size} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    t.match(await client.end(), new RegExp(`^HTTP/1\\.1 ${status} `), `${where} ${size}`)
  }
})

t.test('a response head of nearly 64 KiB: it reaches a client of HTTP/2 as well (F-13)', async t => {
  const target = await origin(t, sized)
  const gate = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: target.url }] })
  const client = await Http2Client.to(t, gate.url)
  for (const fields of [{ ':authority': target.authority, ':path': '/60000' }, { ':authority': `127.0.0.1:${gate.port}`, ':path': '/api/60000' }]) {
    const answer = await client.ask({ ':scheme': 'http', 'proxy-authorization': ALICE, ...fields })
    t.match(answer, { status: 200, body: 'ok' })
    t.equal(answer.fields['set-cookie']?.length, 60)
  }
})
