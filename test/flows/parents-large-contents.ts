import t from 'tap'
import type { Test } from 'tap'
import { FORMS, createContentServer, digestOf, transfer } from '../../bench/transfers.js'
import type { ParentOptions } from '../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { credentialsFor } from '../fixtures/chain.js'
import type { Link } from '../fixtures/chain.js'
import type { Chained } from '../fixtures/chained-gateway.js'
import { watchMemory } from '../fixtures/memory-growth.js'
import { listen } from '../fixtures/origin.js'
import { socksServer } from '../fixtures/socks-server.js'
import { startProgram } from '../fixtures/started-program.js'
import type { StartedProgram } from '../fixtures/started-program.js'

const SIZE = 100 * 1024 * 1024
/** How much a gateway may grow with that, in KiB: less than with one content that it keeps. */
const MOST = 150 * 1024

/** Gateways in processes of their own, the last first: how each is logged in at, from the first on. */
async function startChain (t: Test, links: ReadonlyArray<Link['scheme']>, options: Pick<Chained, 'upstream' | 'tls'>, last?: ParentOptions[]): Promise<StartedProgram[]> {
  const programs: StartedProgram[] = []
  let parents = last
  for (const [index, scheme] of [...links.entries()].reverse()) {
    const account = { username: `user-${index}`, password: `secret-${index}` }
    const chained: Chained = { scheme, account, ...(parents !== undefined && { parents }), ...options, ...(index > 0 && { tls: undefined }) }
    const program = await startProgram(t, 'test/fixtures/chained-gateway.ts', { CHAINED: JSON.stringify(chained) })
    programs.unshift(program)
    parents = [{ url: `http://127.0.0.1:${program.port}`, name: `gate-${index}`, credentials: credentialsFor(scheme, account) }]
  }
  return programs
}

for (const [name, links, socks, forms] of [
  ['two gateways', ['Basic', 'Basic'], false, FORMS.slice(0, 3)],
  ['three gateways', ['Basic', 'Digest', 'Basic'], false, FORMS],
  ['two gateways and a SOCKS5 server', ['Basic', 'Digest'], true, FORMS]
] as const) {
  t.test(`large contents through ${name}, in every form and direction: they arrive as they were, and no gateway keeps them in memory`, { skip: openssl.skip }, async t => {
    const { cert, key } = certificate(t, 'localhost')
    const origin = await listen(t, createContentServer())
    const bastion = socks ? [{ url: `socks5://127.0.0.1:${(await socksServer(t)).port}` }] : undefined
    const programs = await startChain(t, links, { upstream: `http://127.0.0.1:${origin}`, tls: { cert, key } }, bastion)
    const { port } = programs[0]!
    const gateway = { port, http2Port: port, tls: true, credentials: `Basic ${btoa('user-0:secret-0')}` }
    const expected = digestOf(SIZE)
    const grewByLess = programs.map(({ pid }) => watchMemory(pid))
    for (const form of forms) {
      for (const direction of ['up', 'down'] as const) {
        t.equal(await transfer(form, direction, SIZE, gateway, origin), expected, `${form}, ${direction}`)
      }
    }
    for (const isLess of grewByLess) isLess(t, MOST)
  })
}
