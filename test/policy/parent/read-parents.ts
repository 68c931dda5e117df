import t from 'tap'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'
import type { Hop, Parent } from '../../../lib/policy/parent/parent.js'
import type { ParentOptions, ParentsOption } from '../../../lib/policy/parent/parent-options.js'
import { readParents } from '../../../lib/policy/parent/read-parents.js'
import type { ProxyIdentity } from '../../../lib/types.js'

const alice: ProxyIdentity = { name: 'alice', user: {}, info: undefined, scheme: 'Basic', realm: 'Gateway' }
const target = { host: 'x.test', port: 443, scheme: 'connect' } as const
const options = (name: string, conditions: Partial<ParentOptions> = {}): ParentOptions => ({ url: `http://${name}.test`, name, ...conditions })
const read = (given: unknown) => readParents(given as ParentsOption, 'forward.parents')
const namesOf = (hops: readonly Hop[]) => hops.map(hop => hop === 'direct' ? hop : hop.name).join(' ')
const chosen = async (parents: ReturnType<typeof read>) => namesOf(await parents.choose(target, alice))

t.test('a list: is read, and nothing changes afterwards', async t => {
  const given: Array<ParentOptions | 'direct'> = [options('a', { to: ['x.test'] }), 'direct', options('b')]
  const parents = read(given)
  given.pop()
  t.strictSame(parents.choose(target, alice), [parents.all[0], 'direct', parents.all[1]])
  t.strictSame(parents.all.map(({ name }) => name), ['a', 'b'])
  for (const part of [parents, parents.all, ...parents.all]) t.ok(Object.isFrozen(part))
})

t.test('ways without a parent, with conditions: may be several', async t => {
  const parents = read([{ url: 'direct', to: ['x.test'] }, options('a', { except: ['x.test'] }), { url: 'direct', to: ['y.test'] }, 'direct'])
  t.equal(await chosen(parents), 'direct')
  t.equal(namesOf(await parents.choose({ ...target, host: 'z.test' }, alice)), 'a direct')
})

t.test('a parent that fails: is behind the others until it works', async t => {
  const parents = read([options('a'), options('b')])
  const lines: unknown[] = []
  parents.logTo({ warn: (about: unknown) => { lines.push(about) }, info: (about: unknown) => { lines.push(about) } })
  parents.failed(parents.all[0]!, new Error('away'))
  t.equal(await chosen(parents), 'b a')
  parents.worked(parents.all[0]!)
  t.equal(await chosen(parents), 'a b')
  t.match(lines, [{ parent: 'a', err: { message: 'away' } }, { parent: 'a' }])
})

t.test('a function: what it gives is taken, and its objects are the same parents from then on', async t => {
  const given = [options('a'), options('b')]
  for (const ask of [() => given, async () => given]) {
    const parents = read(ask)
    t.strictSame(parents.all, [])
    const [first] = await parents.choose(target, alice)
    parents.failed(first as Parent, new Error('away'))
    const hops = await parents.choose(target, alice)
    t.equal(namesOf(hops), 'b a')
    t.equal(hops[1], first)
  }
  t.throws(() => read(() => 'a').choose(target, alice), { code: 'FST_PROXY_AUTH_PARENT_CHOICE' }, 'a name is for reverse routes')
  t.strictSame(read(() => 'direct').choose(target, alice), ['direct'])
})

t.test("'environment': the variables of the process are read", async t => {
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap(name => [name, name.toUpperCase()])
  for (const name of names) delete process.env[name]
  process.env['all_proxy'] = 'http://a.test:1'
  const parents = read('environment')
  t.equal(await chosen(parents), 'a.test:1')
  t.strictSame(parents.all.map(({ name }) => name), ['a.test:1'], 'each is there once')
})

t.test('a reverse route: may name parents of the forward proxy, with their conditions and their health', async t => {
  const forward = readParents([options('a'), options('b', { to: ['y.test'] })], 'forward.parents')
  const route = readParents(['b', 'a', options('c'), 'direct'], 'reverse[0].parents', forward)
  t.equal(route.all[1], forward.all[0])
  t.equal(await chosen(route), 'a c direct')
  forward.failed(forward.all[0]!, new Error('away'))
  t.equal(await chosen(route), 'c direct a')
  t.match(route.failureOf(forward.all[0]!), { time: Number })
  t.equal(route.failureOf(route.all[2]!), undefined)
  const asked = readParents(() => ['a', 'direct'], 'reverse[1].parents', forward)
  t.equal(await chosen(asked), 'direct a')
  refusesOption(t, () => readParents([CANARY], 'reverse[0].parents', forward), 'reverse[0].parents[0]', 'other text')
})

t.test('wrong parents: the error names the option, never the value', async t => {
  for (const [option, given, got] of [
    ['', [], 'a list'],
    ['', options('a'), 'object'],
    ['', CANARY, 'other text'],
    ['', 'direct', 'other text'],
    ['', null, 'null'],
    ['', true, 'boolean'],
    ['[0]', [CANARY], 'other text'],
    ['[1]', ['direct', 7], 'number'],
    ['[0]', [[options('a')]], 'a list'],
    ['[0]', [null], 'null'],
    ['[1].url', [options('a'), { url: `${CANARY}://user:${CANARY}@x` }], 'a URL of another scheme'],
    ['[1]', [options('a'), { ...options('b'), name: 'a' }], 'one that is there already'],
    ['[2]', ['direct', options('a'), 'direct'], 'one that is there already']
  ] as const) refusesOption(t, () => read(given), `forward.parents${option}`, got)
})
