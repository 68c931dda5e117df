// Fastify answers what node cannot parse by writing to the socket, whatever is being written there: its 400 went out in the midst
// of the content of another response, in place of one that was to come, and behind one that said `close`.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

const GARBAGE = 'no request\r\n\r\n'

async function world (t: Test, fastify = {}) {
  const responses: ServerResponse[] = []
  const target = await origin(t, (_request, response) => { responses.push(response) })
  const gate = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: target.url }],
    fastify,
    after: app => {
      app.get('/own', (_request, reply) => {
        reply.hijack()
        reply.raw.write('one')
      })
    }
  })
  const response = async () => {
    await until(() => responses.length > 0)
    return responses.shift()!
  }
  return { target, gate, response, client: await RawClient.to(t, gate.port) }
}

type World = Awaited<ReturnType<typeof world>>

const FORMS: Record<string, (world: World) => string> = {
  'absolute-form': ({ target }) => target.url,
  reverse: () => '/api'
}

function head (method: string, target: string, ...fields: string[]): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: x', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')
}

/** Everything that came is one response with this content, its end included. */
function isOne (t: Test, text: string, content: string): void {
  t.match(text, /^HTTP\/1\.1 200 /)
  t.equal(text.split('HTTP/1.1 ').length, 2, text)
  t.equal(text.slice(text.indexOf('\r\n\r\n') + 4), content)
}

for (const [form, base] of Object.entries(FORMS)) {
  t.test(`what is no request behind one whose response is on its way, ${form}: that response to its end, and no other`, async t => {
    const all = await world(t)
    all.client.send(head('GET', `${base(all)}/1`))
    const response = await all.response()
    response.writeHead(200, { 'content-length': 6 }).write('one')
    await all.client.until(text => text.endsWith('one'))
    for (let i = 0; i < 12; i++) if (!all.client.socket.write(GARBAGE.repeat(5_000))) await once(all.client.socket, 'drain')
    response.end('two')
    isOne(t, await all.client.end(), 'onetwo')
  })

  t.test(`what is no request behind one whose response is to come, ${form}: that response, which says close`, async t => {
    const all = await world(t)
    all.client.send(head('GET', `${base(all)}/1`) + GARBAGE)
    ;(await all.response()).writeHead(200, { 'content-length': 3 }).end('one')
    const text = await all.client.end()
    isOne(t, text, 'one')
    t.match(text, /\r\nConnection: close\r\n/)
  })

  t.test(`content that cannot be read behind a response on its way, ${form}: that response to its end, and its request goes nowhere`, async t => {
    const all = await world(t)
    all.client.send(head('GET', `${base(all)}/1`))
    const response = await all.response()
    response.writeHead(200, { 'content-length': 6 }).write('one')
    await all.client.until(text => text.endsWith('one'))
    all.client.send(`${head('POST', `${base(all)}/2`, 'Transfer-Encoding: chunked')}no size\r\n`)
    // Its own connection, to be read later than the other.
    const other = await RawClient.to(t, all.gate.port)
    t.match(await other.send(GARBAGE).end(), /^HTTP\/1\.1 400 /)
    response.end('two')
    isOne(t, await all.client.end(), 'onetwo')
    t.strictSame(all.target.seen.map(({ url }) => url), ['/1'])
  })

  t.test(`half a head and the end behind a response on its way, ${form}: the client has left, and gets no other`, async t => {
    const all = await world(t)
    all.client.send(head('GET', `${base(all)}/1`))
    const response = await all.response()
    response.writeHead(200, { 'content-length': 6 }).write('one')
    await all.client.until(text => text.endsWith('one'))
    const closed = once(response, 'close')
    all.client.socket.end('GET ')
    isOne(t, await all.client.end(), 'one')
    await closed
  })

  t.test(`half a head for too long behind a response on its way, ${form}: that response to its end, and no 408`, async t => {
    const all = await world(t, { http: { headersTimeout: 1_000, requestTimeout: 1_000, connectionsCheckingInterval: 20 } })
    all.client.send(head('GET', `${base(all)}/1`))
    const response = await all.response()
    response.writeHead(200, { 'content-length': 6 }).write('one')
    await all.client.until(text => text.endsWith('one'))
    all.client.send('GET ')
    // Node looks at both at once, and the other came later.
    const other = await RawClient.to(t, all.gate.port)
    t.match(await other.send('GET ').end(), /^HTTP\/1\.1 408 /)
    response.end('two')
    isOne(t, await all.client.end(), 'onetwo')
  })

  t.test(`what is no request behind a response that node writes by itself, ${form}: one response`, async t => {
    const all = await world(t)
    all.client.send(`GET ${base(all)}/1 HTTP/1.1\r\n\r\n${GARBAGE}`)
    const text = await all.client.end()
    t.match(text, /^HTTP\/1\.1 400 /)
    t.equal(text.split('HTTP/1.1 ').length, 2, text)
  })

  t.test(`what is no request behind content that a refusal reads away, ${form}: one response`, async t => {
    const all = await world(t)
    all.client.send(`POST ${base(all)}/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n`)
    await all.client.until(text => /\r\n\r\n[^]/.test(text))
    all.client.send('x'.repeat(100_000) + GARBAGE)
    const text = await all.client.end()
    t.match(text, /^HTTP\/1\.1 407 /)
    t.equal(text.split('HTTP/1.1 ').length, 2, text)
  })
}

t.test('what is no request behind a response of the application: as Fastify has it', async t => {
  const { client } = await world(t)
  client.send(head('GET', '/own'))
  await client.until(text => text.includes('one'))
  t.match(await client.send(GARBAGE).end(), /one[^]*HTTP\/1\.1 400 /)
})
