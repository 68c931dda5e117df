// What gateways say to parents about themselves is known to those parents alone: every wire and every log is searched for it.
import { createHash } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { LINK_SCHEMES, credentialsFor, gatewaysBehind, strategyFor } from '../fixtures/chain.js'
import type { Link, LinkAccount } from '../fixtures/chain.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { socksServer } from '../fixtures/socks-server.js'
import { until } from '../fixtures/until.js'
import { wireTap } from '../fixtures/wire-tap.js'
import type { WireTap } from '../fixtures/wire-tap.js'

const special = ['127.0.0.1:*']
const CLIENT: LinkAccount = { username: 'alice', password: 'alice-secret' }

/** The secret of an account, and the forms that it travels in or is kept in. */
function tracesOf ({ username, password }: LinkAccount, realms: readonly string[]): string[] {
  const pair = `${username}:${password}`
  // Where octets before or behind it share a char of base64 with it, what is left of it is enough.
  const inside = [0, 1, 2].map(before => Buffer.from('x'.repeat(before) + password).toString('base64').slice(before === 0 ? 0 : 4, -4))
  const hashes = ['md5', 'sha256', 'sha512-256'].flatMap(name => realms.map(realm => createHash(name).update(`${username}:${realm}:${password}`).digest('hex')))
  return [password, Buffer.from(pair).toString('base64').replace(/=+$/, ''), ...inside, Buffer.from(password).toString('hex'), encodeURIComponent(pair), ...hashes]
}

/** A place that octets were written down at. */
interface Recorded {
  readonly where: string
  readonly text: string
  /** Whose secret is sent there. */
  readonly owner?: LinkAccount | undefined
}

function search (t: Test, accounts: readonly LinkAccount[], realms: readonly string[], records: readonly Recorded[]): void {
  for (const account of accounts) {
    const traces = tracesOf(account, realms)
    for (const { where, text, owner } of records) {
      if (owner === account) continue
      t.same(traces.filter(trace => text.includes(trace)), [], `of ${account.username} there is nothing ${where}`)
    }
  }
}

/** The log with the octets in it made readable: an error of node's parser has the packet. */
function readable ({ log }: Gateway): string {
  return JSON.stringify(log, (_key, value) => value?.type === 'Buffer' && Array.isArray(value.data) ? Buffer.from(value.data).toString('latin1') : value)
}

const textOf = (texts: readonly string[]): string => texts.join('\n')

/** Requests of every kind, and of some that go wrong: what a client gets is read to its end. */
function requestsFor (authority: string): string[][] {
  const login = `Proxy-Authorization: ${ALICE}`
  const head = (line: string, ...fields: string[]): string => [`${line} HTTP/1.1`, `Host: ${authority}`, login, ...fields, '', ''].join('\r\n')
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==']
  const url = `http://${authority}/`
  return [
    [head(`GET ${url}`)],
    [head(`HEAD ${url}`)],
    [`${head(`POST ${url}`, 'Content-Length: 7')}content`],
    [`${head(`POST ${url}`, 'Transfer-Encoding: chunked')}7\r\ncontent\r\n0\r\n\r\n`],
    [head(`POST ${url}`, 'Content-Length: 7', 'Expect: 100-continue'), 'content'],
    [head(`CONNECT ${authority}`), 'GET /inside HTTP/1.1\r\nHost: inside.test\r\n\r\n'],
    [head(`GET ${url}`, ...upgrade)],
    [head(`OPTIONS http://${authority}`)],
    ...[0, 1, 2, 9].map(limit => [head(`TRACE ${url}`, `Max-Forwards: ${limit}`)]),
    [head(`GET ${url}`).replace('HTTP/1.1', 'HTTP/1.0')],
    [head('GET /api/a')],
    [`${head('POST /api/a', 'Content-Length: 7')}content`],
    [head('GET /api/a', ...upgrade)],
    [head('GET http://127.0.0.1:1/')], // where nothing listens
    [head('CONNECT 127.0.0.1:1')],
    [head(`GET ${url}`, 'Via: 1.1 gate-2')], // which has been there already
    [head(`CONNECT ${authority}`, 'Via: 1.1 gate-3')],
    [head(`GET ${url}`, 'Connection: proxy-authorization', 'X\x01: y')],
    [head(`GET ${url}`).replace(login, 'Proxy-Authorization: Digest username="alice"')]
  ]
}

async function perform (t: Test, port: number, authority: string): Promise<string> {
  const said: string[] = []
  for (const parts of requestsFor(authority)) {
    const client = await RawClient.to(t, port)
    for (const part of parts) {
      client.send(part)
      if (part.startsWith('HEAD ')) await client.until(text => text.includes('\r\n\r\n'))
      else said.push(await client.answer())
    }
    client.socket.end()
    said.push(await client.end())
  }
  return textOf(said)
}

const CHAINS: ReadonlyArray<ReadonlyArray<Link['scheme']>> = [['Basic', 'Digest'], ['Digest', 'Basic'], ['Bearer', 'AWS4'], ['AWS4', 'Bearer']]

for (const schemes of CHAINS) {
  t.test(`a chain of three gateways, ${schemes.join(' and ')} between them: what logs in at one is on its wire alone (R-CHAIN-1, R-CHAIN-5, R-CHAIN-8, R-SEC-1, S17)`, async t => {
    const target = await origin(t, (request, response, body) => { response.end(`${request.rawHeaders.join('\n')}\n${String(body)}`) })
    const atOrigin = await wireTap(t, target.port)
    const taps: WireTap[] = []
    const by = async (port: number): Promise<number> => taps.unshift(await wireTap(t, port)) && taps[0]!.port
    const events: unknown[] = []
    const listen = (event: unknown): void => { events.push(event) }
    subscribe('fastify-proxy-auth:parent', listen)
    t.teardown(() => unsubscribe('fastify-proxy-auth:parent', listen))

    const { parents, gates, accounts } = await gatewaysBehind(t, schemes.map(scheme => ({ scheme, by })), undefined, { level: 'trace' })
    const authority = `127.0.0.1:${atOrigin.port}`
    const first = await gateway(t, {
      via: 'gate-1', level: 'trace', forward: { special, parents }, reverse: [{ prefix: '/api', upstream: `http://${authority}`, parents: ['gate-2'], websocket: true } as never]
    })
    const said = await perform(t, first.port, authority)
    t.match(said, /^HTTP\/1\.1 200 /m)
    t.match(said, /^HTTP\/1\.1 502 /m)
    t.ok(target.seen.length > 8)

    const realms = ['Gateway', 'Realm of gate-2', 'Realm of gate-3']
    const sendsSecret = (scheme: Link['scheme']): boolean => scheme === 'Basic' || scheme === 'Bearer'
    const owned = schemes.map((scheme, index) => sendsSecret(scheme) ? accounts[index] : undefined)
    search(t, [CLIENT, ...accounts], realms, [
      { where: 'on the wire to the client', text: said },
      ...taps.flatMap(({ sent, received }, index) => [
        { where: `on the wire to gate-${index + 2}`, text: textOf(sent), owner: owned[index] },
        { where: `on the wire from gate-${index + 2}`, text: textOf(received) }
      ]),
      { where: 'on the wire to the origin', text: textOf(atOrigin.sent) },
      ...[first, ...gates].map((gate, index) => ({ where: `in the log of gate-${index + 1}`, text: readable(gate) })),
      { where: 'in the events', text: JSON.stringify(events) }
    ])
    t.notMatch(textOf(atOrigin.sent), /^proxy-/im, 'no field of a hop reaches the origin')
    t.notMatch(said, /Realm of|^proxy-authenticat(?:e: (?!Basic realm="Gateway")|ion)/im, 'no challenge of a parent reaches the client')
    for (const [index, { received }] of taps.entries()) if (index > 0) t.notMatch(textOf(taps[index - 1]!.received), `Realm of gate-${index + 2}`, `${received.length} connections`)
    for (const { sent } of taps) for (const text of sent) t.notMatch(text, /^authorization:/im)
  })
}

for (const scheme of LINK_SCHEMES) {
  t.test(`a parent that refuses ${scheme}, one that is away and one that takes it: each knows its own account alone (S20)`, { skip: openssl.skip }, async t => {
    const target = await origin(t)
    const account = (name: string): LinkAccount => ({ username: `user-of-${name}`, password: `${name}-canary` })
    const other = await gatewaysBehind(t, [{ scheme }], undefined, { via: 'other', level: 'trace' })
    const refusing = await gatewaysBehind(t, [{ scheme }], undefined, { via: 'refusing', level: 'trace' })
    const away = await wireTap(t, 1) // it takes connections, and ends them
    const socks = await socksServer(t, { accounts: ['someone:else'] })
    const taps = { other: await wireTap(t, other.gates[0]!.port), refusing: await wireTap(t, refusing.gates[0]!.port), socks: await wireTap(t, socks.port) }
    const [atAway, atRefusing, atSocks] = ['away', 'refusing', 'socks'].map(account) as [LinkAccount, LinkAccount, LinkAccount]
    const atOther = other.accounts[0]!
    const at = (port: number, name: string, to: string, login: LinkAccount, protocol = 'http') =>
      ({ url: `${protocol}://127.0.0.1:${port}`, name, to: [to], credentials: credentialsFor(scheme, login) })
    const tls = certificate(t, 'gateway.test')
    const first = await gateway(t, {
      via: 'first',
      level: 'trace',
      fastify: { http2: true, https: { cert: tls.cert, key: tls.key, allowHTTP1: true } } as never,
      forward: {
        special: ['*:*'],
        parents: [
          at(away.port, 'away', '127.0.0.1:*', atAway, 'https'),
          at(taps.refusing.port, 'refusing', 'refused.test:*', atRefusing),
          { url: `socks5://127.0.0.1:${taps.socks.port}`, name: 'socks', to: ['socks.test:*'], credentials: { scheme: 'Basic', ...atSocks } },
          at(taps.other.port, 'other', '127.0.0.1:*', atOther)
        ]
      }
    })
    const client = await Http2Client.to(t, `https://127.0.0.1:${first.port}`)
    const get = async (authority: string): Promise<{ status: number, text: string }> => {
      const { status, ...rest } = await client.ask({ ':method': 'GET', ':scheme': 'http', ':authority': authority, ':path': '/', 'proxy-authorization': ALICE })
      return { status, text: JSON.stringify(rest) }
    }
    const connect = async (authority: string): Promise<{ status: number, text: string }> => {
      const raw = await RawClient.toTls(t, first.port, { rejectUnauthorized: false })
      const text = await raw.send(`CONNECT ${authority} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer()
      raw.socket.destroy()
      return { status: Number(text.slice(9, 12)), text }
    }
    const said: string[] = []
    for (const ask of [get, connect]) {
      for (const [authority, expected] of [[target.authority, 200], ['refused.test:80', 502], ['socks.test:80', 502], [target.authority, 200]] as const) {
        const { status, text } = await ask(authority)
        t.equal(status, expected, authority)
        said.push(text)
      }
    }
    await until(() => first.proxied().length === 8)

    search(t, [CLIENT, atOther, atAway, atRefusing, atSocks], ['Realm of gate-2'], [
      { where: 'on the wires to the client', text: textOf(said) },
      { where: 'on the wire to the other', text: textOf(taps.other.sent), owner: atOther },
      { where: 'on the wire to the refusing', text: textOf(taps.refusing.sent), owner: atRefusing },
      { where: 'on the wire to the SOCKS5 server', text: textOf(taps.socks.sent), owner: atSocks },
      { where: 'on the wires from them', text: textOf(Object.values(taps).flatMap(({ received }) => received)) },
      { where: 'in the requests of the origin', text: JSON.stringify(target.seen.map(({ rawHeaders }) => rawHeaders)) },
      { where: 'in the log', text: readable(first) }
    ])
    if (scheme === 'Digest') t.notMatch(textOf(taps.other.sent), /username="user-of-(?!gate-2)/)
  })
}

t.test('the same account at two parents, the first of which goes away under load: neither gets what the other has given (S20)', async t => {
  const target = await origin(t)
  const account: LinkAccount = { username: 'user-of-both', password: 'both-canary' }
  const gates = await Promise.all(['one', 'two'].map(async via => await gateway(t, { via, realm: 'One realm', strategies: [strategyFor('Digest', account)], forward: { special } })))
  const taps = await Promise.all(gates.map(async ({ port }) => await wireTap(t, port)))
  const first = await gateway(t, {
    via: 'first', forward: { special, parents: taps.map(({ port }, index) => ({ url: `http://127.0.0.1:${port}`, name: `parent-${index}`, credentials: credentialsFor('Digest', account) })) }
  })
  const requests = [`GET ${target.url}/`, `CONNECT ${target.authority}`].map(line => `${line} HTTP/1.1\r\nHost: ${target.authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
  const statuses = new Set<string>()
  let count = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (count < 200) {
      if (++count === 100) taps[0]!.close()
      const client = await RawClient.to(t, first.port)
      statuses.add((await client.send(requests[count % 2]!).answer()).slice(9, 12))
      client.socket.destroy()
    }
  }))
  t.ok(statuses.has('200'))
  const nonces = (texts: readonly string[]) => new Set([...textOf(texts).matchAll(/\bnonce="([^"]+)"/g)].map(([, nonce]) => nonce!))
  for (const { sent, received } of taps) {
    t.ok(nonces(sent).size > 0)
    t.strictSame([...nonces(sent)].filter(nonce => !nonces(received).has(nonce)), [])
  }
})

t.test('credentials of users that a parent gets by passthrough: are on its wire alone, and no other parent or target gets them (R-CHAIN-2, R-CHAIN-3)', async t => {
  const target = await origin(t)
  const [own, other] = [await gateway(t, { via: 'own' }), await gatewaysBehind(t, [{ scheme: 'Basic' }], undefined, { via: 'other' })]
  const taps = { own: await wireTap(t, own.port), other: await wireTap(t, other.gates[0]!.port), origin: await wireTap(t, target.port) }
  const authority = `127.0.0.1:${taps.origin.port}`
  const at = (port: number, more: object) => ({ url: `http://127.0.0.1:${port}`, ...more })
  for (const [parents, asked] of [
    [[at(taps.own.port, { passthrough: true })], 'own'],
    [[at(1, { passthrough: true }), at(taps.other.port, { credentials: credentialsFor('Basic', other.accounts[0]!) })], 'other'],
    [[at(1, { passthrough: true }), 'direct'], undefined]
  ] as const) {
    const first = await gateway(t, { via: 'first', level: 'trace', forward: { special, parents: parents as never }, reverse: [{ prefix: '/api', upstream: `http://${authority}`, parents: parents as never }] })
    const said = await perform(t, first.port, authority)
    t.match(said, /^HTTP\/1\.1 200 /m)
    search(t, [CLIENT], ['Gateway'], [
      { where: 'on the wire to its parent', text: textOf(taps.own.sent), owner: CLIENT },
      { where: 'on the wire to another', text: textOf(taps.other.sent) },
      { where: 'on the wire to the origin', text: textOf(taps.origin.sent) },
      { where: 'on the wire to the client', text: said },
      { where: 'in the logs', text: readable(first) + readable(own) }
    ])
    if (asked === 'own') t.match(textOf(taps.own.sent), `Proxy-Authorization: ${ALICE}`)
    t.notMatch(textOf(taps.origin.sent), /^proxy-/im)
  }
})
