import type { AddressInfo } from 'node:net'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { readAutoConfiguration, serveAutoConfiguration } from '../../../lib/proxy/forward/auto-configuration-route.js'
import { certificate, openssl } from '../../fixtures/certificate.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { RawClient } from '../../fixtures/raw-client.js'

async function app (t: Test, pac: unknown, options = {}) {
  const app = Fastify(options)
  t.teardown(() => app.close())
  serveAutoConfiguration(app, readAutoConfiguration(pac), { allow: ['*.example.org'] })
  await app.ready()
  return app
}

function proxyIn (script: string): string {
  return runInNewContext(`${script}\nFindProxyForURL('http://www.example.org/', 'www.example.org')`) as string
}

t.test('no proxy in the options: the script names the proxy that the request names', async t => {
  const gate = await app(t, true)
  for (const url of ['/proxy.pac', '/wpad.dat']) {
    for (const [host, proxy] of [
      ['gw.test:8080', 'PROXY gw.test:8080'], ['GW.test', 'PROXY gw.test:80'], ['[2001:db8::1]:3128', 'PROXY [2001:db8::1]:3128']
    ] as Array<[string, string]>) {
      const { statusCode, headers, body } = await gate.inject({ url, headers: { host } })
      t.equal(statusCode, 200)
      t.match(headers, { 'content-type': 'application/x-ns-proxy-autoconfig', 'cache-control': 'no-store' }, 'F-71')
      t.equal(proxyIn(body), proxy)
    }
  }
})

t.test('a Host that is no host: there is no script, but a 400', async t => {
  const gate = await app(t, true)
  await fc.assert(fc.asyncProperty(fc.oneof(fc.constantFrom('', 'a"b', 'a;b', 'a b', "a'", 'a@b', 'a:0', 'a:65536', 'a/b', '</script>'), fc.string()), async host => {
    const { statusCode, body } = await gate.inject({ url: '/proxy.pac', headers: { host } })
    return statusCode === 200 ? /^PROXY [a-z0-9._[\]:-]+:\d+$/.test(proxyIn(body)) : statusCode === 400
  }))
})

t.test('what a trusted proxy in front says: only where the option says so (F-71)', async t => {
  const headers = { host: 'inside.test', 'x-forwarded-host': 'gw.test', 'x-forwarded-proto': 'https' }
  for (const [pac, trustProxy, proxy] of [
    [true, true, 'PROXY inside.test:80'], [{ forwarded: true }, true, 'HTTPS gw.test:443'], [{ forwarded: true }, false, 'PROXY inside.test:80']
  ] as const) {
    const gate = await app(t, pac, { trustProxy })
    t.equal(proxyIn((await gate.inject({ url: '/proxy.pac', headers })).body), proxy)
  }
})

t.test('a listener with TLS, over HTTP/1.1 and HTTP/2: an HTTPS proxy', { skip: openssl.skip }, async t => {
  const pair = certificate(t, 'gw.test')
  const gate = await app(t, true, { http2: true, https: { ...pair, allowHTTP1: true } })
  await gate.listen({ port: 0, host: '127.0.0.1' })
  const { port } = gate.server.address() as AddressInfo
  const client = await Http2Client.to(t, `https://127.0.0.1:${port}`)
  t.equal(proxyIn((await client.ask({ ':path': '/proxy.pac', ':authority': 'gw.test:8443' })).body), 'HTTPS gw.test:8443')
  const old = await RawClient.toTls(t, port, { rejectUnauthorized: false })
  const text = await old.send('GET /proxy.pac HTTP/1.1\r\nHost: gw.test:8443\r\nConnection: close\r\n\r\n').end()
  t.equal(proxyIn(text.split('\r\n\r\n')[1]!), 'HTTPS gw.test:8443')
})

t.test('neither Host nor authority, in HTTP/1.0: no script', async t => {
  const gate = await app(t, true)
  await gate.listen({ port: 0, host: '127.0.0.1' })
  const client = await RawClient.to(t, (gate.server.address() as AddressInfo).port)
  t.match(await client.send('GET /proxy.pac HTTP/1.0\r\n\r\n').end(), /^HTTP\/1\.1 400 /)
})

t.test('a proxy and paths in the options: the script names that proxy, on those paths', async t => {
  const gate = await app(t, { proxy: 'https://gw.example.org:8443/', paths: ['/office.pac'] })
  const { body } = await gate.inject({ url: '/office.pac', headers: { host: 'evil.test' } })
  t.equal(proxyIn(body), 'HTTPS gw.example.org:8443')
  t.equal((await gate.inject('/proxy.pac')).statusCode, 404)
  t.match(readAutoConfiguration({ proxy: 'HTTP://gw.test' }), { proxy: 'PROXY gw.test:80' })
})

t.test('a wrong option: the boot fails', async t => {
  for (const pac of [
    false, null, 'true', [], { proxies: [] }, { proxy: 8080 }, { proxy: 'gw.test:8080' }, { proxy: 'socks://gw.test' }, { proxy: 'http://alice:secret@gw.test' },
    { proxy: 'http://gw.test/path' }, { proxy: 'http://a"b' }, { paths: '/proxy.pac' }, { paths: [] }, { paths: ['proxy.pac'] }, { paths: ['/*'] }, { paths: ['/:name'] }, { paths: [1] }, { forwarded: 'yes' }
  ]) {
    t.throws(() => readAutoConfiguration(pac), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, JSON.stringify(pac))
  }
})
