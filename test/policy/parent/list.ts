import t from 'tap'
import { DIRECT, readParent } from '../../../lib/policy/parent/entry.js'
import { chooseFrom } from '../../../lib/policy/parent/list.js'
import type { Hop } from '../../../lib/policy/parent/parent.js'
import type { ParentOptions } from '../../../lib/policy/parent/parent-options.js'
import type { TargetScheme } from '../../../lib/policy/target/check.js'
import type { ProxyIdentity } from '../../../lib/types.js'

const identity = (name: string): ProxyIdentity => ({ name, user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' })
const entry = (name: string, conditions: Partial<ParentOptions> = {}) => readParent({ url: `http://${name}.test`, name, ...conditions }, name)
const target = (host: string, port = 443, scheme: TargetScheme = 'connect') => ({ host, port, scheme })
const namesOf = (hops: readonly Hop[]) => hops.map(hop => hop === 'direct' ? hop : hop.name).join(' ')
const NONE = { code: 'FST_PROXY_AUTH_NO_PARENT', statusCode: 502 }

t.test('a list without conditions: is the result, the same for each request', async t => {
  const choose = chooseFrom([entry('a'), entry('b'), DIRECT])
  const hops = choose(target('x.test'), identity('alice'))
  t.equal(namesOf(hops), 'a b direct')
  t.ok(Object.isFrozen(hops))
  t.equal(choose(target('y.test', 80, 'http'), identity('bob')), hops)
})

t.test('a list with conditions: all that fit are taken in their order, the same for each request to a target', async t => {
  const choose = chooseFrom([
    entry('a', { to: ['*.example.test'] }),
    entry('b', { to: ['www.example.test:443', '192.0.2.0/24'] }),
    entry('c', { except: ['*.example.test'] })
  ])
  for (const [host, port, expected] of [
    ['www.example.test', 443, 'a b'],
    ['www.example.test', 80, 'a'],
    ['example.test', 443, 'c'],
    ['192.0.2.1', 443, 'b c']
  ] as const) {
    t.equal(namesOf(choose(target(host, port), identity('alice'))), expected)
    t.equal(choose(target(host, port), identity('alice')), choose(target(host, port), identity('bob')))
  }
})

t.test('a list for some users: each gets those for it', async t => {
  const choose = chooseFrom([entry('a', { users: ['alice'] }), entry('b', { users: ['bob'], to: ['x.test'] }), entry('c', { to: ['*.test'] })])
  for (let i = 0; i < 2; i++) {
    t.equal(namesOf(choose(target('x.test'), identity('alice'))), 'a c')
    t.equal(namesOf(choose(target('x.test'), identity('bob'))), 'b c')
    t.equal(namesOf(choose(target('y.test'), identity('bob'))), 'c')
  }
  t.equal(namesOf(chooseFrom([entry('a', { users: ['alice'] }), DIRECT])(target('x.test'), identity('bob'))), 'direct')
})

t.test('a way that fits twice: is taken once', async t => {
  const choose = chooseFrom([{ ...DIRECT, users: new Set(['alice']) }, entry('a'), DIRECT])
  t.equal(namesOf(choose(target('x.test'), identity('alice'))), 'direct a')
  t.equal(namesOf(choose(target('x.test'), identity('bob'))), 'a direct')
})

t.test('a list of which nothing fits: there is no parent, and no way around it', async t => {
  t.throws(() => chooseFrom([entry('a', { to: ['a.test'] })])(target('b.test'), identity('alice')), NONE)
  const ofAlice = chooseFrom([entry('a', { users: ['alice'] })])
  t.throws(() => ofAlice(target('b.test'), identity('bob')), NONE)
  t.doesNotThrow(() => ofAlice(target('b.test'), identity('alice')))
})

t.test('entries for some schemes: the scheme of the target counts', async t => {
  const choose = chooseFrom([{ ...entry('a'), schemes: ['http'] }, { ...DIRECT, schemes: ['https', 'connect'] }])
  t.equal(namesOf(choose(target('x.test', 80, 'http'), identity('alice'))), 'a')
  t.equal(namesOf(choose(target('x.test', 80, 'connect'), identity('alice'))), 'direct')
})
