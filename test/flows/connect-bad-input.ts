import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import Fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`

/** A resolver for the whole of `.test`, and what it was asked. */
function resolver () {
  const asked: string[] = []
  const lookup = (host: string, _options: unknown, done: (error: null, addresses: object[]) => void) => {
    asked.push(host)
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  return { asked, forward: { special: ['127.0.0.1:*', '*.test:*'], lookup: lookup as never } }
}

t.test('a target that is no host and port: the response is 400, with or without credentials, and nothing is looked up (R-CONNECT-1, R-CONNECT-10, R-NODE-6, CVE-2026-48930)', async t => {
  const { asked, forward } = resolver()
  const { app, port, log } = await gateway(t, { forward })
  const targets = [
    'origin.test', 'origin.test:', ':443', ':', 'origin.test:0', 'origin.test:65536', 'origin.test:4294967739', 'origin.test:abc',
    'origin.test:-1', 'origin.test:+443', 'origin.test:0443', 'origin.test:443:443', 'origin.test:443/', 'origin.test:443/path',
    'origin.test:443?x', 'origin.test:443#x', '/origin.test:443', '/', '*', 'http://origin.test:443', 'http://origin.test/', 'https://origin.test:443/',
    'secret:word@origin.test:443', 'secret@origin.test:443', '@origin.test:443', '[::1%25lo]:443', '[::1%lo]:443', '::1:443', '2001:db8::1:443',
    '[::1]', '[::1]443', '[::1', '::1]:443', '[origin.test]:443', '[]:443', 'origin..test:443', '.origin.test:443', '..:443', '.:443',
    '%6frigin.test:443', 'origin.test%00:443', 'origin%zz:443', 'orig\xefn.test:443', 'a,b:443', 'a;b:443', "a'b:443", 'a\\b:443',
    `${'a.'.repeat(127)}test:443`, `${'a'.repeat(10_000)}:443`
  ]
  for (const target of targets) {
    for (const fields of [[RIGHT], []]) {
      const client = await RawClient.to(t, port)
      const all = await client.send(connectHead(target, ...fields)).end()
      t.match(readAnswer(all), { status: 400 }, target.slice(0, 40))
      if (!all.includes('Client Error')) t.match(readAnswer(all).fields, { connection: 'close' }) // else it is node's parser and Fastify
      t.equal(all.split('HTTP/1.1 ').length, 2, 'one answer')
    }
  }
  t.strictSame(asked, [])
  t.notMatch(JSON.stringify(log), /secret|word@/, 'userinfo is not logged')
  t.ok(app.server.listening)
})

t.test('a host name in any spelling: it is resolved and denied as the same name (R-CONNECT-10, S37)', async t => {
  const target = await tcpOrigin(t)
  const { asked, forward } = resolver()
  const gate = await gateway(t, { forward: { ...forward, deny: ['denied.test'] } })
  for (const host of ['origin.test', 'ORIGIN.Test', 'origin.test.']) {
    const client = await RawClient.to(t, gate.port)
    t.match(await client.send(connectHead(`${host}:${target.port}`, RIGHT)).answer(), /^HTTP\/1\.1 200 /, host)
  }
  t.strictSame(asked, ['origin.test', 'origin.test', 'origin.test'])
  for (const host of ['denied.test', 'DENIED.test', 'denied.test.', 'Denied.Test.']) {
    const client = await RawClient.to(t, gate.port)
    t.match(await client.send(connectHead(`${host}:${target.port}`, RIGHT)).end(), /^HTTP\/1\.1 403 /, host)
  }
  t.equal(asked.length, 3)
})

t.test('a port of another protocol, or a special address in any spelling: it is refused (S43, R-CONNECT-8, R-CONNECT-9)', async t => {
  const { asked, forward } = resolver()
  const { port } = await gateway(t, { forward: { lookup: forward.lookup } })
  const targets = [
    'origin.test:25', 'origin.test:22', 'origin.test:6379', '127.0.0.1:443', '127.1:443', '2130706433:443', '0x7f.0.0.1:443', '0177.0.0.1:443',
    '[::1]:443', '[::ffff:127.0.0.1]:443', '[64:ff9b::7f00:1]:443', '10.0.0.1:443', '169.254.169.254:80', '0.0.0.0:80', '[::]:80', `127.0.0.1:${port}`
  ]
  for (const target of targets) {
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(connectHead(target, RIGHT)).end()), { status: 403, fields: { connection: 'close' } }, target)
  }
  t.strictSame(asked, [])
})

t.test('a CONNECT with content: it is refused, and what follows is no request (R-CONNECT-12)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await gateway(t)
  const inner = 'GET http://127.0.0.1/ HTTP/1.1\r\n\r\n'
  const heads = [
    [`Content-Length: ${inner.length}`], ['Transfer-Encoding: chunked'], ['Transfer-Encoding: chunked', 'Content-Length: 5'], ['Content-Length: 1, 1'],
    ['Content-Length: x'], ['Content-Length: -1'], ['Content-Length: 5', 'Content-Length: 6'], ['Transfer-Encoding: gzip'], ['Transfer-Encoding: identity']
  ]
  for (const fields of heads) {
    for (const credentials of [[RIGHT], []]) {
      const client = await RawClient.to(t, port)
      const all = await client.send(connectHead(target.authority, ...credentials, ...fields) + inner).end()
      t.match(readAnswer(all), { status: 400 }, fields.join())
      t.equal(all.split('HTTP/1.1 ').length, 2)
    }
  }
  t.equal(target.sockets.length, 0)
  const client = await RawClient.to(t, port)
  t.match(await client.send(connectHead(target.authority, RIGHT, 'Content-Length: 0')).answer(), /^HTTP\/1\.1 200 /)
})

t.test('two of Host or Proxy-Authorization, or HTTP/1.1 without Host: the response is 400 (R-CONNECT-18, R-TGT-7, R-NODE-6)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await gateway(t)
  const line = `CONNECT ${target.authority} HTTP/1.1\r\n`
  const rows: Array<[string, number]> = [
    [`${line}Host: a.test\r\nHost: a.test\r\n${RIGHT}\r\n\r\n`, 400],
    [`${line}Host: a.test\r\nHost: b.test\r\n${RIGHT}\r\n\r\n`, 400],
    [`${line}Host: a b\r\n${RIGHT}\r\n\r\n`, 400],
    [`${line}Host: u@a.test\r\n${RIGHT}\r\n\r\n`, 400],
    [`${line}${RIGHT}\r\n\r\n`, 400],
    [`${line}Host: a.test\r\n${RIGHT}\r\n${RIGHT}\r\n\r\n`, 400],
    [`${line}Host: a.test\r\n${RIGHT}\r\nProxy-Authorization: ${BOB}\r\n\r\n`, 400],
    [`${line}Host: a.test\r\nProxy-Authorization: ${ALICE}, ${BOB}\r\n\r\n`, 400],
    [`${line}Host: a.test\r\nProxy-Authorization: Basic\r\n\r\n`, 407],
    [`${line}Host: a.test\r\nProxy-Authorization: \r\n\r\n`, 400],
    [`CONNECT ${target.authority} HTTP/1.0\r\n${RIGHT}\r\n\r\n`, 200]
  ]
  for (const [head, status] of rows) {
    const client = await RawClient.to(t, port)
    t.match(readAnswer(await client.send(head).answer()), { status }, head.slice(line.length, -4).replace(/Basic \S+/g, 'Basic …'))
  }
  await until(() => target.sockets.length > 0)
  t.equal(target.sockets.length, 1)
})

t.test('a head that the parser refuses: it gets a response, and the connection closes', async t => {
  const { app, port } = await gateway(t)
  const rows: Array<[string, RegExp]> = [
    [connectHead(`${'a'.repeat(17_000)}:443`), /^HTTP\/1\.1 431 /],
    [connectHead('origin.test:443', `X: ${'y'.repeat(17_000)}`), /^HTTP\/1\.1 431 /],
    [connectHead('origin.test:443', 'X : y'), /^HTTP\/1\.1 400 /],
    [connectHead('origin.test:443', 'X\0: y'), /^HTTP\/1\.1 400 /],
    [connectHead('origin.test:443', 'no field'), /^HTTP\/1\.1 400 /],
    ['CONNECT  HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['CONNECT origin.test:443\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['CONNECT origin.test:443 HTTP/2.0\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 (?:400|505) /],
    ['CONNECT origin.test:443 HTTP/1.1 x\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['CONNECT origin.test: 443 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['CONNECT\torigin.test:443 HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400 /]
  ]
  for (const [head, wanted] of rows) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(head).end(), wanted, head.slice(0, 40))
  }
  t.ok(app.server.listening)
})

t.test('a field line of some fifteen kilobytes: it is read (R-CONNECT-10)', async t => {
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  t.match(await client.send(connectHead('origin.test:443', `X: ${'y'.repeat(15_000)}`)).answer(), /^HTTP\/1\.1 407 /)
})

t.test('the authority-form with a method other than CONNECT: it is refused (R-TGT-6)', async t => {
  const { port } = await gateway(t, { after: app => { app.all('*', async () => 'own') } })
  for (const line of ['GET origin.test:443', 'GET origin.test', 'OPTIONS origin.test:443', 'POST 127.0.0.1:80', 'GET *', 'PUT [::1]:80']) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(`${line} HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`).end(), /^HTTP\/1\.1 400 /, line)
  }
})

t.test('a second CONNECT behind the first is data: of the tunnel, or of nobody (R-CONN-7, R-CONNECT-11)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await gateway(t)
  const second = connectHead(target.authority, RIGHT)
  const refused = await RawClient.to(t, port)
  const all = await refused.send(connectHead(target.authority) + second).end()
  t.match(readAnswer(all), { status: 407, fields: { connection: 'close' } })
  t.equal(all.split('HTTP/1.1').length, 2)
  t.equal(target.sockets.length, 0)
  const client = await RawClient.to(t, port)
  client.send(second + second)
  await client.answer()
  t.equal(await client.until(text => text.length === second.length), second, 'as it came back from the target')
  t.equal(target.sockets.length, 1)
})

t.test('fields that mean something elsewhere: they do nothing on a CONNECT (R-CONNECT-4)', async t => {
  const { authority } = await tcpOrigin(t)
  const { app, port } = await gateway(t)
  app.server.on('upgrade', (_request, socket: Socket) => { socket.destroy() })
  const fields = [
    'Expect: 100-continue', 'Expect: something', 'Connection: upgrade\r\nUpgrade: websocket', 'Upgrade: h2c', 'TE: trailers', 'Trailer: x', 'Max-Forwards: 0',
    'Accept-Version: 9.x', 'Connection: proxy-authorization, host', 'Via: 1.1 gateway', 'Content-Type: nonsense', 'If-Match: x', 'Range: bytes=0-'
  ]
  for (const field of fields) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(connectHead(authority, field, RIGHT)).answer(), /^HTTP\/1\.1 200 /, field)
    t.equal(await client.send('echo').until(text => text.length === 4), 'echo')
    const stranger = await RawClient.to(t, port)
    t.match(await stranger.send(connectHead(authority, field)).answer(), /^HTTP\/1\.1 407 /, `${field}, refused`)
  }
})

t.test('a CONNECT without forward: it is as without the plugin, and with forward HTTP/2 gets a response (R-CONNECT-15)', async t => {
  const bare = Fastify()
  await bare.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => bare.close())
  const gate = await gateway(t, { forward: undefined })
  for (const event of ['connect', 'checkContinue', 'upgrade']) {
    t.equal(gate.app.server.listenerCount(event), bare.server.listenerCount(event), event)
  }
  const answers = await Promise.all([bare, gate.app].map(async app => {
    const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
    return await client.send(connectHead('origin.test:443')).end()
  }))
  t.equal(answers[0], answers[1])

  const { port } = await gateway(t, { fastify: { http2: true } as FastifyServerOptions })
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  t.teardown(() => session.destroy())
  const [fields] = await once(session.request({ ':method': 'CONNECT', ':authority': 'origin.test:443' }), 'response')
  t.equal(fields[':status'], 407)
})
