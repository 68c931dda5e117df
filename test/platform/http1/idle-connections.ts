import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { connectHead } from '../../fixtures/connect-head.js'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { rawOrigin } from '../../fixtures/raw-origin.js'
import { until } from '../../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`

t.test('requests half sent and refused, heads half sent, connections that are silent: app.close() resolves (F-2)', async t => {
  const never = await rawOrigin(t, () => {})
  const gate = await gateway(t, { drainTimeout: 100, reverse: [{ prefix: '/api', upstream: never.url }] })
  const texts = [
    '',
    'GET / HT',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    `GET ${never.url}/ HTTP/1.1\r\nHost: x\r\n${RIGHT}\r\n\r\n`,
    `POST ${never.url}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc`,
    `POST ${never.url}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n${RIGHT}\r\n\r\nabc`,
    'POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc',
    `POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n${RIGHT}\r\n\r\n3\r\nabc\r\n`,
    `${connectHead('origin.test:443')}GET / HT`,
    'CONNECT half'
  ]
  const accepted = new Promise<void>(resolve => {
    let count = 0
    gate.app.server.on('connection', () => { if (++count === texts.length) resolve() })
  })
  const clients = await Promise.all(texts.map(async text => (await RawClient.to(t, gate.port)).send(text)))
  await accepted
  await until(() => never.received.length === 3)
  await gate.app.close()
  await Promise.all(clients.map(async client => await client.end()))
})

t.test('a request of the application that outlasts drainTimeout: it is waited for, and its idle connection is not (F-2)', async t => {
  let answer = () => {}
  const answered = new Promise<string>(resolve => { answer = () => resolve('late') })
  const gate = await gateway(t, { drainTimeout: 20, after: app => app.get('/slow', async () => await answered) })
  const asked = once(gate.app.server, 'request')
  const [client, half] = [await RawClient.to(t, gate.port), await RawClient.to(t, gate.port)]
  client.send('GET /slow HTTP/1.1\r\nHost: gate.test\r\n\r\n')
  half.send('GET /slow HT')
  await asked
  const closed = gate.app.close()
  t.equal(await half.end(), '', 'past drainTimeout')
  t.equal(client.closed, false)
  answer()
  t.match(await client.answer(), /^HTTP\/1\.1 200 [^]*late$/)
  await closed
  t.equal(await client.end(), '', 'which node would keep for keepAliveTimeout')
})

t.test('TLS handshakes half done: app.close() resolves (F-2)', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'gateway.test')
  const gate = await gateway(t, { drainTimeout: 50, fastify: { https: { key, cert } } as never })
  const silent = await RawClient.to(t, gate.port)
  const half = (await RawClient.to(t, gate.port)).send('\x16\x03\x01\x02\x00')
  const done = await RawClient.toTls(t, gate.port, { rejectUnauthorized: false })
  done.send('GET / HT')
  await gate.app.close()
  for (const client of [silent, half, done]) t.equal(await client.end(), '')
})

t.test('TLS handshakes half done on a socket in the file system: they end, be there a request under way (F-2)', { skip: openssl.skip }, async t => {
  const { key, cert } = certificate(t, 'gateway.test')
  let answer = () => {}
  const answered = new Promise<string>(resolve => { answer = () => resolve('late') })
  const directory = mkdtempSync(join(tmpdir(), 'idle-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 's') // longer ones do not fit
  const gate = await gateway(t, { drainTimeout: 50, fastify: { https: { key, cert } } as never, path, after: app => app.get('/slow', async () => await answered) })
  const silent = await RawClient.over(t, connect(path), 'connect')
  const half = (await RawClient.over(t, connect(path), 'connect')).send('\x16\x03\x01\x02\x00')
  const busy = await RawClient.over(t, connectTls({ path, rejectUnauthorized: false }), 'secureConnect')
  const asked = once(gate.app.server, 'request')
  busy.send('GET /slow HTTP/1.1\r\nHost: gate.test\r\n\r\n')
  await asked
  const closed = gate.app.close()
  for (const client of [silent, half]) t.equal(await client.end(), '')
  t.equal(busy.closed, false)
  answer()
  t.match(await busy.answer(), /^HTTP\/1\.1 200 [^]*late$/)
  await closed
})
