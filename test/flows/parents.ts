// Chains of our own gateways, each with a realm and accounts of its own: what every client can send goes through all of them.
import t from 'tap'
import type { Test } from 'tap'
import type { ParentOptions } from '../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gatewaysBehind } from '../fixtures/chain.js'
import type { Link } from '../fixtures/chain.js'
import { serveEveryClient } from '../fixtures/every-client.js'
import type { Gateway } from '../fixtures/gateway.js'
import { socksServer } from '../fixtures/socks-server.js'

const special = ['127.0.0.1:*']
const SOCKS = { username: 'user-of-socks', password: 'canary-of-socks' }

interface Chain {
  readonly name: string
  /** From the first gateway on. */
  readonly links: ReadonlyArray<Link['scheme'] | 'Digest over TLS'>
  /** The last goes to the target through SOCKS5. */
  readonly socks?: true
}

const CHAINS: readonly Chain[] = [
  { name: 'two gateways, Basic between them', links: ['Basic'] },
  { name: 'two gateways, Digest between them', links: ['Digest'] },
  { name: 'two gateways, Bearer between them', links: ['Bearer'] },
  { name: 'two gateways, AWS4 between them', links: ['AWS4'] },
  { name: 'three gateways, Basic and then Digest between them', links: ['Basic', 'Digest'] },
  { name: 'three gateways, Digest over TLS and then Basic between them', links: ['Digest over TLS', 'Basic'] },
  { name: 'a gateway and a SOCKS5 server', links: [], socks: true },
  { name: 'two gateways and a SOCKS5 server', links: ['Digest'], socks: true },
  { name: 'three gateways and a SOCKS5 server', links: ['Basic', 'Digest'], socks: true }
]

for (const { name, links, socks: goesThroughSocks = false } of CHAINS) {
  t.test(`${name}: GET, POST, CONNECT and WebSockets of every client go through all, each hop with an account of its own (R-CHAIN-5)`, { skip: openssl.skip }, async t => {
    const socks = goesThroughSocks ? await socksServer(t, { accounts: [`${SOCKS.username}:${SOCKS.password}`] }) : undefined
    const bastion: ParentOptions[] | undefined = socks && [{ url: `socks5://127.0.0.1:${socks.port}`, name: 'bastion', credentials: { scheme: 'Basic', ...SOCKS } }]
    const tls = certificate(t, 'localhost')
    const { parents, gates, accounts } = await gatewaysBehind(t, links.map(link => link === 'Digest over TLS' ? { scheme: 'Digest', tls } : { scheme: link }), bastion)
    const { gates: firsts, target } = await serveEveryClient(t, { via: 'gate-1', forward: { special, parents }, route: { parents: [parents[0]!.name] } })

    for (const { proxied } of firsts) t.match(proxied(), Array(proxied().length).fill({ user: 'alice', status: /^(?:200|101)$/, parent: parents[0]!.name }))
    for (const [index, gate] of gates.entries()) testHop(t, gate, accounts[index]!.username, index + 1 < gates.length ? `gate-${index + 3}` : bastion?.[0]!.name)
    if (socks !== undefined) t.strictSame(new Set(socks.users), new Set([SOCKS.username]))
    const vias = ['2.0 gate-1', '1.1 gate-1'].flatMap(via => [via, [via, ...gates.map((_gate, index) => `1.1 gate-${index + 2}`)].join(', ')])
    for (const { rawHeaders, headers } of target.seen) {
      t.notMatch(rawHeaders.join(), /proxy-|canary|user-of/i)
      t.ok(vias.includes(headers.via!), `Via: ${headers.via}`)
    }
    t.notMatch(JSON.stringify([...firsts, ...gates].map(({ log }) => log)), /canary|alice-secret/)
  })
}

/** Each exchange at a hop is of the account of the one before. */
function testHop (t: Test, { proxied }: Gateway, user: string, parent: string | undefined): void {
  t.ok(proxied().length > 0)
  for (const record of proxied()) t.match(record, { user, status: /^(?:200|101)$/, parent })
}
