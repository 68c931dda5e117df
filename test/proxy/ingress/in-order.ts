import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { serveInOrder } from '../../../lib/proxy/ingress/in-order.js'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import type { GatewayOptions } from '../../fixtures/gateway.js'
import { listen, origin } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { until } from '../../fixtures/until.js'

/** An origin that answers when the test says so, and a client for either way to it. */
async function held (t: Test, options: GatewayOptions = {}) {
  const responses: ServerResponse[] = []
  const target = await origin(t, (_request, response) => { responses.push(response) })
  const gate = await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url }], ...options })
  const seen = () => target.seen.map(({ method, url, body }) => `${method} ${url} ${body}`.trim())
  /** Answers the next request that has come. */
  const answer = async (text: string) => {
    await until(() => responses.length > 0)
    responses.shift()!.end(text)
  }
  return { target, gate, seen, answer, client: await RawClient.to(t, gate.port) }
}

type Held = Awaited<ReturnType<typeof held>>

/** Each form in which a request goes through. */
const FORMS: Record<string, (held: Held) => string> = {
  'absolute-form': ({ target }) => target.url,
  reverse: () => '/api'
}

function head (method: string, target: string, ...fields: string[]): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: x', `Proxy-Authorization: ${ALICE}`, ...fields, '', ''].join('\r\n')
}

for (const [form, base] of Object.entries(FORMS)) {
  t.test(`several requests in one write, ${form}, not all safe: one after the other (F-51)`, async t => {
    const rows: Array<[first: string, second: string]> = [['POST', 'POST'], ['GET', 'POST'], ['POST', 'GET'], ['PUT', 'DELETE']]
    for (const [first, second] of rows) {
      const all = await held(t)
      const content = ['Content-Length: 1', 'Connection: keep-alive']
      all.client.send(`${head(first, `${base(all)}/1`, ...content)}a${head(second, `${base(all)}/2`, ...content)}b${head(second, `${base(all)}/3`)}`)
      await all.answer('one')
      await all.client.until(text => text.includes('one'))
      await until(() => all.seen().length > 1)
      t.strictSame(all.seen(), [`${first} /1 a`, `${second} /2 b`], 'the third has not come')
      await all.answer('two')
      await all.answer('three')
      t.match(await all.client.until(text => text.includes('three')), /one[^]*two[^]*three/)
    }
  })

  t.test(`several requests in one write, ${form}, all safe: at the same time, responses in order (F-51)`, async t => {
    const all = await held(t)
    all.client.send(head('GET', `${base(all)}/1`) + head('HEAD', `${base(all)}/2`) + head('GET', `${base(all)}/3`))
    await until(() => all.seen().length === 3)
    for (const text of ['one', 'two', 'three']) await all.answer(text)
    t.match(await all.client.until(text => text.split('HTTP/1.1 200').length === 4 && text.endsWith('e')), /HTTP/)
  })

  t.test(`requests behind one that closes, ${form}: are not served, and its response arrives (F-51)`, async t => {
    const rows: Array<{ name: string, first: (base: string) => string, served: string[], expected: RegExp }> = [
      { name: 'Connection: close', first: base => `${head('POST', `${base}/1`, 'Connection: close', 'Content-Length: 1')}a`, served: ['POST /1 a'], expected: /^HTTP\/1\.1 200 [^]*one/ },
      { name: 'Connection: close, safe', first: base => head('GET', `${base}/1`, 'Connection: close'), served: ['GET /1'], expected: /^HTTP\/1\.1 200 [^]*one/ },
      { name: 'no Host', first: base => `POST ${base}/1 HTTP/1.1\r\nProxy-Authorization: ${ALICE}\r\nContent-Length: 0\r\n\r\n`, served: [], expected: /^HTTP\/1\.1 400 / },
      { name: 'no Host, safe', first: base => `GET ${base}/1 HTTP/1.1\r\nProxy-Authorization: ${ALICE}\r\n\r\n`, served: [], expected: /^HTTP\/1\.1 400 / }
    ]
    for (const { name, first, served, expected } of rows) {
      for (const method of ['POST', 'GET']) {
        const all = await held(t)
        all.client.send(first(base(all)) + head(method, `${base(all)}/2`) + head(method, `${base(all)}/3`))
        if (served.length > 0) await all.answer('one')
        const text = await all.client.end()
        t.match(text, expected, `${name}, ${method}`)
        t.equal(text.split('HTTP/1.1 ').length, 2, 'one response')
        t.strictSame(all.seen(), served)
      }
    }
  })
}

t.test('HTTP/1.0 with keep-alive, absolute-form: the first is served, since it closes (F-51)', async t => {
  const all = await held(t)
  const one = (path: string) => head('POST', `${all.target.url}/${path}`, 'Connection: keep-alive', 'Content-Length: 1').replace('HTTP/1.1', 'HTTP/1.0') + path
  all.client.send(one('1') + one('2'))
  await all.answer('one')
  t.match(await all.client.end(), /^HTTP\/1\.1 200 [^]*one$/)
  t.strictSame(all.seen(), ['POST /1 1'])
})

t.test('HTTP/1.0 with keep-alive, reverse: one after the other (F-51)', async t => {
  const all = await held(t)
  const one = (path: string) => head('POST', `/api/${path}`, 'Connection: keep-alive', 'Content-Length: 1').replace('HTTP/1.1', 'HTTP/1.0') + path
  all.client.send(one('1') + one('2'))
  await all.answer('one')
  await all.client.until(text => text.includes('one'))
  await all.client.until(text => text.endsWith('one'))
  t.strictSame(all.seen()[0], 'POST /1 1')
})

t.test('a request with Expect behind another: gets its 100 in its turn (F-51)', async t => {
  const all = await held(t)
  all.client.send(`${head('POST', `${all.target.url}/1`, 'Content-Length: 1')}a${head('POST', `${all.target.url}/2`, 'Expect: 100-continue', 'Content-Length: 1')}`)
  await all.answer('one')
  t.match(await all.client.until(text => text.includes('100 Continue\r\n\r\n')), /^HTTP\/1\.1 200 [^]*oneHTTP\/1\.1 100 Continue/)
  all.client.send('b')
  await all.answer('two')
  t.match(await all.client.until(text => text.endsWith('two')), /two$/)
})

t.test('the last request that maxRequestsPerSocket allows: nothing is served behind it (F-51)', async t => {
  const all = await held(t, { fastify: { maxRequestsPerSocket: 1 } })
  all.client.send(head('POST', `${all.target.url}/1`) + head('POST', `${all.target.url}/2`))
  await all.answer('one')
  t.match(await all.client.until(text => text.includes('one')), /connection: close/i)
  t.strictSame(all.seen(), ['POST /1'])
})

t.test('too many requests that wait on one connection: it closes (F-51)', async t => {
  const all = await held(t)
  all.client.send(head('POST', `${all.target.url}/1`).repeat(300))
  await all.client.end()
  t.ok(all.seen().length <= 1)
})

t.test('a client that leaves while its requests wait: they never reach an origin (F-51)', async t => {
  for (const last of ['', 'close']) {
    const all = await held(t)
    const fields = last === '' ? [] : ['Connection: close']
    all.client.socket.end(head('POST', `${all.target.url}/1`, ...fields) + head('POST', `${all.target.url}/2`))
    await all.gate.logged(line => (line['proxy'] as { reason?: string } | undefined)?.reason === 'aborted' || line['err'] !== undefined)
    await until(async () => await new Promise(resolve => all.gate.app.server.getConnections((_error, count) => resolve(count === 0))))
    t.notOk(all.seen().includes('POST /2'))
  }
})

t.test("the application's own requests in one write: as from node (F-51)", async t => {
  const seen: string[] = []
  const all = await held(t, {
    before: app => {
      app.post('/own/:n', async ({ url }) => {
        seen.push(url)
        if (url === '/own/1') await until(() => seen.length === 2)
        return url
      })
    }
  })
  all.client.send(head('POST', '/own/1') + head('POST', '/own/2'))
  t.match(await all.client.until(text => text.endsWith('/own/2')), /\/own\/1HTTP[^]*\/own\/2$/)
})

t.test('requests of another server, and one that cannot be told from them: as from node (F-51)', async t => {
  for (const ordered of [false, true]) {
    const urls: string[] = []
    const server = createServer((request, response) => {
      urls.push(request.url!)
      if (urls.length === 2) response.end('two')
      else until(() => urls.length === 2).then(() => response.end('one'), t.fail)
    })
    if (ordered) serveInOrder(server, () => { throw new Error('no telling') })
    const client = await RawClient.to(t, await listen(t, server))
    client.send(head('POST', '/1') + head('POST', '/2'))
    t.match(await client.until(text => text.endsWith('two')), /one[^]*two$/)
  }
})

for (const [form, base] of Object.entries(FORMS)) {
  t.test(`content that is cut short behind a response, ${form}: one response, then the end (F-10)`, async t => {
    for (const [length, fields] of [[1000, []], [1000, ['Connection: close']], [1_000_000, []], [1_000_000, ['Connection: close']]] as const) {
      const all = await held(t)
      all.client.send(`POST ${base(all)}/u HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${fields.map(field => `${field}\r\n`).join('')}\r\nabc`)
      await all.client.until(text => /\r\n\r\n[^]/.test(text))
      all.client.socket.end()
      const text = await all.client.end()
      t.match(text, /^HTTP\/1\.1 407 /)
      t.equal(text.split('HTTP/1.1 ').length, 2, `${length} ${fields}`)
    }
  })

  t.test(`content that is cut short before a response, ${form}: at most one response (F-10)`, async t => {
    const all = await held(t)
    all.client.socket.end(`${head('POST', `${base(all)}/u`, 'Content-Length: 1000')}abc`)
    t.ok((await all.client.end()).split('HTTP/1.1 ').length <= 2)
  })
}

for (const [form, base] of Object.entries(FORMS)) {
  t.test(`a client that leaves behind the verdict, ${form}: is not logged as if it had left before (F-75)`, async t => {
    const all = await held(t)
    all.client.send(head('GET', `${base(all)}/`))
    await until(() => all.seen().length === 1)
    all.client.socket.destroy()
    await all.gate.logged(line => line['proxy'] !== undefined)
    t.notMatch(JSON.stringify(all.gate.log), /before the verdict/)
  })
}

const BROKEN: Record<string, string> = {
  'no Host, which node refuses itself': 'OPTIONS * HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n',
  'a route of the application that reads no content': 'POST /unread HTTP/1.1\r\nHost: x\r\nContent-Type: text/unread\r\nTransfer-Encoding: chunked\r\n\r\n',
  'a path without a route': 'POST /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
  'an expectation that node refuses itself': 'POST /none HTTP/1.1\r\nHost: x\r\nExpect: more\r\nTransfer-Encoding: chunked\r\n\r\n'
}
for (const [name, text] of Object.entries(BROKEN)) {
  t.test(`content that cannot be read behind a response, ${name}: there is one response`, async t => {
    const all = await held(t, {
      after: app => {
        app.addContentTypeParser('text/unread', (_request, _content, done) => done(null))
        app.post('/unread', async () => 'unread')
      }
    })
    for (const apart of [false, true]) {
      const client = await RawClient.to(t, all.gate.port)
      client.send(apart ? text : `${text}fffffffffffffffff`)
      if (apart) {
        await client.until(said => /\r\n\r\n/.test(said))
        client.send('fffffffffffffffff')
      }
      const said = await client.end()
      t.equal(said.split('HTTP/1.1 ').length, 2, said)
    }
  })
}

t.test('content that cannot be read behind a response, in many packets: the connection gets no listener for each', async t => {
  const server = createServer((_request, response) => { response.writeHead(200).end('x'.repeat(10_000_000)) })
  serveInOrder(server, () => true)
  const connections: Socket[] = []
  server.on('connection', socket => connections.push(socket))
  const client = await RawClient.to(t, await listen(t, server))
  client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  await client.until(said => said.length > 0)
  client.socket.pause() // so that the rest of the response waits
  const [socket] = connections
  const before = socket!.listenerCount('finish')
  for (let packets = 0; packets < 20; packets++) server.emit('clientError', Object.assign(new Error(), { code: 'HPE_INVALID_CHUNK_SIZE' }), socket)
  t.equal(socket!.destroyed, false)
  t.ok(socket!.listenerCount('finish') <= before + 1, String(socket!.listenerCount('finish')))
})
