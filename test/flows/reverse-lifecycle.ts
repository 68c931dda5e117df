import t from 'tap'
import { closedPort } from '../fixtures/closed-port.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { listenerCounts } from '../fixtures/listener-counts.js'
import { origin } from '../fixtures/origin.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { message as anonymous } from '../fixtures/reverse.js'

const message: typeof anonymous = (method, target, fields, body) => anonymous(method, target, { 'Proxy-Authorization': ALICE, Connection: 'keep-alive', ...fields }, body)

/** Waits until `count` exchanges have ended, and gives their lines. */
async function ended ({ proxied }: Gateway, count: number): Promise<Array<Record<string, unknown>>> {
  await until(() => proxied().length >= count)
  return proxied()
}

async function until (is: () => boolean): Promise<void> {
  while (!is()) await new Promise(resolve => setImmediate(resolve))
}

t.test('pipelined requests: they get their responses in order, each its own (R-CONN-7)', async t => {
  const upstream = await origin(t, (request, response) => {
    setTimeout(() => response.end(request.url), request.url === '/0' ? 50 : 0)
  })
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }] })
  const client = await RawClient.to(t, port)
  client.send(message('GET', '/api/0') + message('GET', '/api/1', { 'Proxy-Authorization': 'Basic AAAA' }) + message('GET', '/api/2') + message('GET', '/api/3', { Connection: 'close' }))
  const answers = (await client.end()).split(/(?=HTTP\/1\.1 \d)/)
  t.same(answers.map(answer => [answer.slice(9, 12), /\/\d$/.exec(answer)?.[0]]), [['200', '/0'], ['400', undefined], ['200', '/2'], ['200', '/3']])
})

t.test('clients that vanish at any time: they leave nothing behind (S36)', async t => {
  const upstream = await rawOrigin(t, (socket, head) => {
    if (head.startsWith('GET /answer')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf')
  })
  const gw = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }] })
  const heads = (): number => upstream.received.filter(text => text.includes('\r\n\r\n')).length
  const rounds = 50
  const texts = [
    message('GET', '/api/wait'),
    message('GET', '/api/answer'),
    message('POST', '/api/upload', { 'Content-Length': '100000' }, 'x'.repeat(1000)),
    message('GET', '/api/wait') + message('GET', '/api/queued') + message('POST', '/api/queued', { 'Content-Length': '4' }, 'body')
  ]
  const requests = [1, 1, 1, 2] // a POST behind others waits for their responses (F-51), which do not come
  for (const [kind, text] of texts.entries()) {
    const before = gw.proxied().length
    for (let i = 0; i < rounds; i++) {
      const client = await RawClient.to(t, gw.port)
      const reached = heads() + requests[kind]!
      client.send(text)
      if (kind === 1) await client.until(text => text.endsWith('half'))
      else await until(() => heads() >= reached)
      client.socket.destroy()
    }
    const lines = (await ended(gw, before + rounds * requests[kind]!)).slice(before)
    t.equal(lines.length, rounds * requests[kind]!)
    t.ok(lines.every(({ reason }) => reason === (kind === 1 ? 'aborted' : 'FST_PROXY_AUTH_CLIENT_LEFT')))
    t.ok(lines.every(({ status }) => status === (kind === 1 ? 200 : 499)))
  }
  t.notOk(upstream.received.some(text => text.includes('POST /queued')))
  await gw.app.close()
  await until(() => upstream.open.size === 0)
  t.equal(upstream.open.size, 0, 'no connection to the upstream stays')
})

t.test('a connection that is used a thousand times: it gathers no listeners', async t => {
  const upstream = await origin(t)
  const { app, port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }], level: 'error' })
  const client = await RawClient.to(t, port)
  const counts: Array<Record<string, number>> = []
  app.server.on('request', ({ socket }) => counts.push(listenerCounts(socket)))
  for (let i = 0; i < 1000; i++) {
    const text = i % 2 === 0 ? message('GET', '/api') : message('POST', '/api', { 'Content-Length': '4' }, 'body')
    t.match(await client.send(text).answer(), /^HTTP\/1.1 200 /)
  }
  t.same(counts[999], counts[9])
})

t.test('an upstream that responds before it has the content: the connection of the client stays usable (R-407-8)', async t => {
  const upstream = await rawOrigin(t, (socket, head) => {
    socket.write(head.startsWith('POST') ? 'HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno' : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }] })
  const client = await RawClient.to(t, port)
  const length = 5_000_000
  client.send(message('POST', '/api', { 'Content-Length': String(length) }, 'x'.repeat(length)))
  t.match(await client.answer(), /^HTTP\/1.1 413 Too Much\r\n/)
  t.match(await client.send(message('GET', '/api')).answer(), /^HTTP\/1.1 200 OK\r\n/)
})

t.test('an upstream that cannot be reached: the connection of the client stays usable', async t => {
  for (const undici of [undefined, false]) {
    const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${await closedPort()}`, undici } as never] })
    const client = await RawClient.to(t, port)
    for (let i = 0; i < 2; i++) {
      client.send(message('POST', '/api', { 'Content-Length': '200000' }, 'x'.repeat(200_000)))
      t.match(await client.answer(), /^HTTP\/1.1 502 /)
    }
  }
})

t.test('a client that stalls in the middle of its upload: it is cut off', async t => {
  const upstream = await origin(t)
  const gw = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url, undici: { bodyTimeout: 300 } }] })
  const client = await RawClient.to(t, gw.port)
  client.send(message('POST', '/api', { 'Content-Length': '100' }, 'x'))
  t.equal(await client.end(), '')
  t.match(await ended(gw, 1), [{ status: 499, bytesIn: 1, reason: 'FST_PROXY_AUTH_CLIENT_LEFT' }])
})

t.test('a server that stops: a response may end in time, and is cut if it does not', async t => {
  const upstream = await origin(t, (request, response) => {
    response.write('begun')
    if (request.url === '/short') setTimeout(() => response.end('ended'), 50)
  })
  const gw = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url }], drainTimeout: 1500 })
  const [short, long] = [await RawClient.to(t, gw.port), await RawClient.to(t, gw.port)]
  short.send(message('GET', '/api/short'))
  long.send(message('GET', '/api/long'))
  await Promise.all([short, long].map(client => client.until(text => text.includes('begun'))))
  await gw.app.close()
  t.match(await short.end(), /ended/)
  t.notMatch(await long.end(), /\r\n0\r\n/)
  t.match(await ended(gw, 2), [{ status: 200, reason: undefined }, { status: 200, reason: 'closing' }])
})
