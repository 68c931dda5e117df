import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, ClientCertificateStrategy, DigestStrategy, lookupStatic, proxyAuthenticate } from '../../lib/index.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('offering Basic or Bearer in the clear beyond this host: is warned about (R-CH-14, R-BASIC-12, R-BEARER-9)', async t => {
  const warnings = (log: ReadonlyArray<Record<string, unknown>>) => log.filter(({ level, msg }) => level === 40 && /TLS/.test(String(msg))).length
  const key = { strategy: foreign('key', function () { this.fail() }), scheme: 'Key' }
  const rows: Array<{ name: string, options: GatewayOptions, warned: number }> = [
    { name: 'on loopback', options: { host: '127.0.0.1' }, warned: 0 },
    { name: 'on loopback of IPv6', options: { host: '::1' }, warned: 0 },
    { name: 'on every address', options: { host: '0.0.0.0' }, warned: 1 },
    { name: 'on every address, refused, with another scheme', options: { host: '0.0.0.0', cleartext: 'refuse', strategies: [basic(), key] }, warned: 0 },
    { name: 'on every address, but neither is offered', options: { host: '0.0.0.0', strategies: [key] }, warned: 0 }
  ]
  for (const { name, options, warned } of rows) {
    t.test(`${name}: ${warned === 0 ? 'no warning' : 'a warning'}`, async t => {
      const { log } = await gateway(t, options)
      t.equal(warnings(log), warned)
    })
  }

  t.test('with TLS: no warning', async t => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const https = { key: privateKey.export({ type: 'pkcs8', format: 'pem' }) } // it listens; no client comes
    const { log } = await gateway(t, { host: '0.0.0.0', fastify: { https } as never })
    t.equal(warnings(log), 0)
  })

  t.test('on a socket in the file system: no warning', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'proxy-auth-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const { log } = await gateway(t, { level: 'warn', path: join(folder, 'socket') })
    t.same(log, [])
  })
})

t.test('offering Basic beside Digest: is warned about (R-DIG-48)', async t => {
  const digest = new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))
  const warned = async (options: GatewayOptions) =>
    (await gateway(t, options)).log.filter(({ level, msg }) => level === 40 && /Digest/.test(String(msg))).length
  t.equal(await warned({ strategies: [digest, basic()] }), 1)
  t.equal(await warned({ strategies: [digest] }), 0)
  t.equal(await warned({ strategies: [basic()] }), 0)
  t.equal(await warned({ strategies: [digest, basic()], cleartext: 'refuse' }), 0, 'there it is not offered in the clear')
})

t.test('a realm that some clients read wrongly: is warned about (R-CH-7)', async t => {
  const warnings = async (t: Test, options: GatewayOptions) =>
    (await gateway(t, options)).log.filter(({ level, msg }) => level === 40 && /realm/.test(String(msg))).map(({ strategy, realm }) => [strategy, realm])
  t.same(await warnings(t, {}), [])
  t.same(await warnings(t, { realm: 'Floor 2, "east"' }), [['basic', 'Floor 2, "east"']])
  const own = new BasicStrategy({ verify: () => null, realm: 'a\\b' })
  t.same(await warnings(t, { strategies: [basic(), own] }), [['basic', 'a\\b']])
  const reverse = [{ upstream: 'http://127.0.0.1:1', strategies: [own] }]
  t.same(await warnings(t, { strategies: [basic(), own], reverse }), [['basic', 'a\\b']], 'once, on however many routes')
})

t.test('schemes bound to a connection: are warned about at the start (R-CH-12)', async t => {
  for (const [scheme, warned] of [['NTLM', 1], ['Custom', 0]] as const) {
    const { log } = await gateway(t, { strategies: [{ strategy: foreign('legs', () => {}), scheme }], connectionBound: true })
    t.equal(log.filter(line => line['strategy'] === 'legs' && line['level'] === 40).length, warned, scheme)
  }
})

t.test('a setting that is of no use, or opens everything: is warned about at the start (F-36)', async t => {
  const none = { forward: undefined as never }
  const certificate = new ClientCertificateStrategy()
  const reverse = [{ prefix: '/api', upstream: 'http://127.0.0.1:1' }]
  const rows: Array<{ name: string, options: GatewayOptions, warned: RegExp | null }> = [
    { name: 'client certificates without TLS', options: { strategies: [certificate] }, warned: /client certificates/ },
    { name: 'anonymous without forward', options: { ...none, reverse, anonymous: {} }, warned: /`anonymous` is of no use/ },
    { name: 'anonymous for a reverse route', options: { ...none, reverse: [{ ...reverse[0]!, anonymous: true }], anonymous: {} }, warned: null },
    { name: 'connect without forward', options: { ...none, reverse, connect: {} }, warned: /`connect` is of no use/ },
    { name: 'connect for WebSockets', options: { ...none, reverse: [{ ...reverse[0]!, websocket: true }], connect: {} }, warned: null },
    { name: 'special for everything', options: { forward: { special: ['*:*'] } }, warned: /special holds every address/ },
    { name: 'special for some', options: { forward: { special: ['*.test'] } }, warned: null },
    { name: 'nothing at all', options: none, warned: /nothing is behind/ },
    { name: 'the hook alone', options: { ...none, after: app => app.get('/', { onRequest: proxyAuthenticate }, async () => '') }, warned: null },
    { name: 'refused in the clear, nothing else offered', options: { host: '0.0.0.0', cleartext: 'refuse' }, warned: /only clients on loopback/ },
    { name: 'refused in the clear, on loopback', options: { cleartext: 'refuse' }, warned: null }
  ]
  for (const { name, options, warned } of rows) {
    t.test(name, async t => {
      const { log } = await gateway(t, options)
      const messages = log.filter(({ level }) => level === 40).map(({ msg }) => String(msg))
      if (warned === null) t.same(messages, [])
      else t.match(messages, [warned])
    })
  }
})

t.test('a CONNECT without forward: dropped as by node alone, and a line at debug says so (F-36)', async t => {
  const none = { forward: undefined as never, reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:1' }] }
  const { port, logged } = await gateway(t, { ...none, level: 'debug' })
  const client = await RawClient.to(t, port)
  t.equal(await client.send('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n').end(), '')
  t.ok(await logged(({ msg }) => /CONNECT is dropped/.test(String(msg))))

  t.test('over HTTP/2: refused as by node alone', async t => {
    const { url, logged } = await gateway(t, { ...none, level: 'debug', fastify: { http2: true } as never })
    const client = await Http2Client.to(t, url)
    t.match(await client.ask({ ':method': 'CONNECT', ':authority': 'a.test:443' }), { status: 405 })
    t.ok(await logged(({ msg }) => /CONNECT is dropped/.test(String(msg))))
  })

  t.test('at info there is no listener of ours', async t => {
    const { app } = await gateway(t, none)
    t.equal(app.server.listenerCount('connect'), 0)
  })

  t.test('a listener of the application that comes later answers', async t => {
    const { app, port } = await gateway(t, { ...none, level: 'debug' })
    app.server.on('connect', (_request, socket) => { socket.end('HTTP/1.1 200 OK\r\n\r\n') })
    const client = await RawClient.to(t, port)
    t.match(await client.send('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n').end(), /^HTTP\/1.1 200 OK/)
  })
})
