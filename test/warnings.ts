import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, DigestStrategy, lookupStatic } from '../lib/index.js'
import { foreign } from './fixtures/foreign-strategies.js'
import { basic, gateway } from './fixtures/gateway.js'
import type { GatewayOptions } from './fixtures/gateway.js'

t.test('Basic and Bearer without TLS (R-CH-14, R-BASIC-12, R-BEARER-9)', async t => {
  const warnings = (log: ReadonlyArray<Record<string, unknown>>) => log.filter(({ level, msg }) => level === 40 && /TLS/.test(String(msg))).length
  const key = { strategy: foreign('key', function () { this.fail() }), scheme: 'Key' }
  const rows: Array<{ name: string, options: GatewayOptions, warned: number }> = [
    { name: 'on loopback', options: { host: '127.0.0.1' }, warned: 0 },
    { name: 'on loopback of IPv6', options: { host: '::1' }, warned: 0 },
    { name: 'on every address', options: { host: '0.0.0.0' }, warned: 1 },
    { name: 'on every address, refused', options: { host: '0.0.0.0', cleartext: 'refuse' }, warned: 0 },
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

t.test('Basic beside Digest is warned about (R-DIG-48)', async t => {
  const digest = new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))
  const warned = async (options: GatewayOptions) =>
    (await gateway(t, options)).log.filter(({ level, msg }) => level === 40 && /Digest/.test(String(msg))).length
  t.equal(await warned({ strategies: [digest, basic()] }), 1)
  t.equal(await warned({ strategies: [digest] }), 0)
  t.equal(await warned({ strategies: [basic()] }), 0)
  t.equal(await warned({ strategies: [digest, basic()], cleartext: 'refuse' }), 0, 'there it is not offered in the clear')
})

t.test('a realm that some clients read wrongly is warned about (R-CH-7)', async t => {
  const warnings = async (t: Test, options: GatewayOptions) =>
    (await gateway(t, options)).log.filter(({ level, msg }) => level === 40 && /realm/.test(String(msg))).map(({ strategy, realm }) => [strategy, realm])
  t.same(await warnings(t, {}), [])
  t.same(await warnings(t, { realm: 'Floor 2, "east"' }), [['basic', 'Floor 2, "east"']])
  const own = new BasicStrategy({ verify: () => null, realm: 'a\\b' })
  t.same(await warnings(t, { strategies: [basic(), own] }), [['basic', 'a\\b']])
  const reverse = [{ upstream: 'http://127.0.0.1:1', strategies: [own] }]
  t.same(await warnings(t, { strategies: [basic(), own], reverse }), [['basic', 'a\\b']], 'once, on however many routes')
})

t.test('schemes bound to a connection are said aloud at the start (R-CH-12)', async t => {
  for (const [scheme, warned] of [['NTLM', 1], ['Custom', 0]] as const) {
    const { log } = await gateway(t, { strategies: [{ strategy: foreign('legs', () => {}), scheme }], connectionBound: true })
    t.equal(log.filter(line => line['strategy'] === 'legs' && line['level'] === 40).length, warned, scheme)
  }
})
