import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { squid, startSquid } from '../fixtures/squid.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { winbind, winbindSkip } from '../fixtures/winbind.js'

const NOBODY = 65534
const special = ['127.0.0.1:*']
const digest = (): DigestStrategy => new DigestStrategy(lookupStatic({ 'gw-1': 'canary-one' }))

interface Chain {
  /** The one that clients speak to, the one behind it, and the last. */
  readonly gates: readonly [Gateway, Gateway, Gateway]
}

/** Three gateways, each the parent of the one before: over TLS with Digest, then with Basic. */
async function chain (t: Test, options: GatewayOptions = {}): Promise<Chain> {
  const tls = certificate(t, 'localhost')
  const https = { key: tls.key, cert: tls.cert }
  const last = await gateway(t, { via: 'three', forward: { special } })
  const middle = await gateway(t, {
    via: 'two',
    strategies: [digest()],
    fastify: { https } as never,
    forward: { special, parents: [{ url: `http://127.0.0.1:${last.port}`, name: 'three', credentials: { scheme: 'Basic', username: 'bob', password: 'bob-secret' } }] }
  })
  const first = await gateway(t, {
    via: 'one',
    forward: {
      special,
      parents: [{ url: `https://127.0.0.1:${middle.port}`, name: 'two', tls: { ca: tls.cert }, credentials: { scheme: 'Digest', username: 'gw-1', password: 'canary-one' } }]
    },
    ...options
  })
  return { gates: [first, middle, last] }
}

/** Sends octets through a tunnel to an echo, and ends; gives what has come back. */
async function through (tunnel: Duplex, octets: Buffer): Promise<string> {
  const hash = createHash('sha256')
  tunnel.on('data', (chunk: Buffer | string) => { hash.update(chunk as string, 'latin1') })
  tunnel.end(octets)
  await once(tunnel, 'end')
  return hash.digest('hex')
}

const octets = Buffer.alloc(5_000_000, 'some octets, and some more')
const sum = createHash('sha256').update(octets).digest('hex')

t.test('a chain of three gateways: a tunnel of an HTTP/1.1 client goes through all, each with its own credentials (R-CONNECT-16)', { skip: openssl.skip }, async t => {
  const target = await tcpOrigin(t)
  const { gates } = await chain(t)
  for (let i = 0; i < 2; i++) {
    const client = await RawClient.to(t, gates[0].port)
    client.send(connectHead(target.authority, `Proxy-Authorization: ${ALICE}`))
    t.equal(await client.answer(), 'HTTP/1.1 200 Connection established\r\n\r\n')
    t.equal(await through(client.socket, octets), sum)
  }
  await until(() => gates.every(gate => gate.proxied().length === 2))
  for (const [index, [user, scheme, parent]] of [['alice', 'Basic', 'two'], ['gw-1', 'Digest', 'three'], ['bob', 'Basic', undefined]].entries()) {
    for (const record of gates[index]!.proxied()) t.match(record, { user, scheme, parent, status: 200, bytesIn: octets.length, bytesOut: octets.length })
  }
  t.notMatch(JSON.stringify(gates.map(({ log }) => log)), /canary|bob-secret/)
})

t.test('a chain of three gateways: a tunnel of an HTTP/2 client goes through all', { skip: openssl.skip }, async t => {
  const target = await tcpOrigin(t)
  const tls = certificate(t, 'localhost')
  const { gates } = await chain(t, { fastify: { http2: true, https: { allowHTTP1: true, key: tls.key, cert: tls.cert } } as never })
  const client = await Http2Client.to(t, `https://localhost:${gates[0].port}`)
  t.equal(await through(await client.tunnel(target.authority, ALICE), octets), sum)
  await until(() => gates.every(gate => gate.proxied().length === 1))
  t.match(gates.map(gate => gate.proxied()[0]!['user']), ['alice', 'gw-1', 'bob'])
})

t.test('a chain whose last gateway refuses: each tells the one before, and the client gets the status', { skip: openssl.skip }, async t => {
  const { gates } = await chain(t)
  const client = await RawClient.to(t, gates[0].port)
  const answer = readAnswer(await client.send(connectHead('127.0.0.1:1', `Proxy-Authorization: ${ALICE}`)).answer())
  t.match(answer, { status: 502, fields: { 'proxy-status': 'one; error=destination_unavailable; next-hop=two; received-status=502' } })
  await until(() => gates.every(gate => gate.proxied().length === 1))
  t.match(gates.map(gate => gate.proxied()[0]!['reason']), ['FST_PROXY_AUTH_PARENT_DENIED', 'FST_PROXY_AUTH_PARENT_DENIED', 'FST_PROXY_AUTH_CONNECTION_REFUSED'])
})

t.test('Squid with Digest, and with NTLM by Samba: tunnels go through it, and a wrong password is told from a refused target', { skip: squid.skip || winbindSkip }, async t => {
  const target = await tcpOrigin(t)
  const samba = await winbind(t)
  const folder = dirname(samba.ntlmAuth)
  if (process.getuid?.() === 0) chownSync(join(folder, 'state/winbindd_privileged'), 0, NOBODY)
  chmodSync(join(folder, 'state'), 0o755)
  const account = { username: 'alice', password: 'alice-secret' }
  const ntlm = `auth_param ntlm program ${samba.ntlmAuth} --helper-protocol=squid-2.5-ntlmssp`
  for (const [schemes, credentials] of [[['digest'], { scheme: 'Digest', ...account }], [[ntlm], { scheme: 'NTLM', domain: samba.domain, ...account }]] as const) {
    const port = await startSquid(t, 'Squid', account, { schemes: [...schemes] as never })
    const by = async (password: string): Promise<Gateway> =>
      await gateway(t, { via: 'one', forward: { special, parents: [{ url: `http://127.0.0.1:${port}`, name: 'squid', credentials: { ...credentials, password } }] } })
    const ask = async (gate: Gateway, authority: string): Promise<RawClient> =>
      (await RawClient.to(t, gate.port)).send(connectHead(authority, `Proxy-Authorization: ${ALICE}`))
    const gate = await by(account.password)
    for (let i = 0; i < 3; i++) {
      const client = await ask(gate, target.authority)
      t.match(await client.answer(), /^HTTP\/1\.1 200 /)
      t.equal(await client.send('ping').until(text => text.length === 4), 'ping')
      client.socket.destroy()
    }
    t.match(await (await ask(gate, '127.0.0.1:1')).answer(), /^HTTP\/1\.1 503 [^]*next-hop=squid; received-status=503/)
    const wrong = await by('canary-wrong')
    t.match(await (await ask(wrong, target.authority)).answer(), /^HTTP\/1\.1 502 [^]*next-hop=squid; received-status=407/)
    await until(() => wrong.proxied().length === 1)
    t.match(wrong.proxied(), [{ parent: 'squid', account: /alice#\d+$/, reason: 'FST_PROXY_AUTH_PARENT_REFUSED' }])
    t.notMatch(JSON.stringify(wrong.log), /canary/)
  }
})

t.test('two gateways that are each other\'s parents, and one that is its own: the loop is found, and nothing stays open', async t => {
  const credentials = { scheme: 'Basic', username: 'bob', password: 'bob-secret' } as const
  const ports: number[] = []
  const towards = (index: number) => () => ({ url: `http://127.0.0.1:${ports[index]}`, name: `gate-${index}`, credentials })
  const gates = [await gateway(t, { via: 'one', forward: { parents: towards(1) } }), await gateway(t, { via: 'two', forward: { parents: towards(0) } }), await gateway(t, { via: 'own', forward: { parents: towards(2) } })]
  ports.push(...gates.map(({ port }) => port))
  for (const [index, error] of [[0, 'one; error=destination_unavailable; next-hop=gate-1; received-status=502'], [2, 'own; error=proxy_loop_detected; next-hop=gate-2']] as const) {
    const client = await RawClient.to(t, gates[index]!.port)
    const answer = readAnswer(await client.send(connectHead('target.test:443', `Proxy-Authorization: ${ALICE}`)).answer())
    t.match(answer, { status: 502, fields: { 'proxy-status': error } })
  }
  await until(() => gates[0]!.proxied().length === 2)
  t.match(gates[0]!.proxied().map(({ reason }) => reason), ['FST_PROXY_AUTH_LOOP', 'FST_PROXY_AUTH_PARENT_DENIED'])
  for (const { app } of gates) await until(async () => await new Promise(resolve => app.server.getConnections((_error, count) => resolve(count === 0))))
})
