import t from 'tap'
import type { PolicyRequest, PolicyRule } from '../../../lib/index.js'
import { readDocument } from '../../../lib/policy/rules/read-document.js'
import { RequestReader } from '../../../lib/policy/rules/request.js'
import { RuleIndex } from '../../../lib/policy/rules/rule-index.js'

const reader = new RequestReader(Date.now)

/** The numbers of the rules that an index gives for a request, all of them. */
function found (rules: Array<Partial<PolicyRule>>, request: Partial<PolicyRequest>, byTarget = true): number[] {
  const index = new RuleIndex(readDocument({ rules: rules.map(rule => ({ action: 'deny', ...rule })) }).rules, byTarget)
  const numbers: number[] = []
  index.each(reader.read({ form: 'http', host: 'a.b.test', ...request }), ({ index }) => {
    numbers.push(index)
    return false
  })
  return numbers
}

t.test('rules that name users and groups: those of the user come, in order and once, with all that name none', async t => {
  const rules = [{ users: ['alice', 'bob'] }, {}, { groups: ['ci', 'dev'] }, { users: ['bob'] }, { groups: ['ci'] }, { users: ['alice'], groups: ['other'] }]
  t.same(found(rules, { user: 'alice' }), [0, 1, 5])
  t.same(found(rules, { user: 'bob', groups: ['ci', 'dev'] }), [0, 1, 2, 3, 4])
  t.same(found(rules, { groups: ['dev', 'x'] }), [1, 2])
  t.same(found(rules, {}), [1])
  t.same(found(rules.slice(0, 2), { groups: ['alice'] }), [1], 'a group is no user')
  t.same(found([rules[0]!, rules[3]!], { user: 'carol' }), [])
})

t.test('rules that name targets: those that may hold the host come', async t => {
  const rules = [
    { to: ['a.b.test', 'c.test'] }, { to: ['*.b.test', '*.test'] }, { to: ['*.a.b.test', 'b.test'] }, { to: ['*', 'c.test'] }, { to: ['10.0.0.0/8', '10.1.0.0/16'] }, { to: ['10.1.2.3:22'] }, { routes: ['/api', '/x'] }, { to: ['2001:db8::/32'] }
  ]
  t.same(found(rules, {}), [0, 1, 3])
  t.same(found(rules, { host: 'test' }), [3])
  t.same(found(rules, { host: '10.1.2.3' }), [3, 4, 5])
  t.same(found(rules, { address: '10.1.2.4' }), [0, 1, 3, 4])
  t.same(found(rules, { host: '2002:a01:203::' }), [3, 4, 5], 'with an address in it')
  t.same(found(rules, { host: '2001:db8::1' }), [3, 7])
  t.same(found(rules, { form: 'reverse', route: '/x' }), [3, 6], 'and one that may hold anything')
  t.same(found(rules, { form: 'reverse', route: '/y' }), [3])
  t.same(found(rules, {}, false), [0, 1, 2, 3, 4, 5, 6, 7], 'not by the target')
})

t.test('rules that name clients: those of the client come, and all where it is not known', async t => {
  const rules = [{ clients: ['10.0.0.0/8'] }, { clients: ['10.1.0.0/16', '192.0.2.0/24'] }, {}]
  t.same(found(rules, { client: '10.1.2.3' }), [0, 1, 2])
  t.same(found(rules, { client: '192.0.2.7' }), [1, 2])
  t.same(found(rules, { client: null }), [2])
  t.same(found(rules, {}), [0, 1, 2])
  t.same(found([{ clients: ['10.0.0.0/8'], action: 'allow' }, { clients: ['192.0.2.1'], action: 'allow' }, {}], {}), [2], 'of those that allow, none would hold')
})

t.test('rules that name paths: those of the path come, and those that an origin may read in it', async t => {
  const rules = [{ paths: ['/a/b'] }, { paths: ['/', '/x'] }, { paths: ['/a'] }, { paths: ['/A/B/c'] }, {}]
  t.same(found(rules, { path: '/a/b' }), [0, 1, 2, 4])
  t.same(found(rules, { path: '/A/b/C/d' }), [0, 1, 2, 3, 4])
  t.same(found(rules, { path: '/' }), [1, 4])
  t.same(found(rules, { form: 'connect' }), [4])
  t.same(found(rules, { path: '/x/../a/../b' }), [0, 1, 2, 4])
  t.same(found(rules, { path: '/b;/c;' }), [0, 1, 3, 4])
  t.same(found(rules, { path: '/;' }), [1, 4])
  for (const path of [undefined, '//']) t.same(found(rules, { path }), [0, 1, 2, 3, 4], String(path))
  const allowing = rules.map(rule => ({ ...rule, action: 'allow' as const }))
  for (const path of [undefined, '//']) t.same(found(allowing, { path }), [4], 'of those that allow, none would hold')
  t.same(found([{ paths: ['/a/x'] }, { paths: ['/b/x'] }], { path: '/x/..' }), [0, 1])
})

t.test('many prefixes, and a path that climbs: few rules come', async t => {
  const rules = Array.from({ length: 1000 }, (_, index) => ({ paths: [`/v1/orders-${index}`] }))
  t.same(found(rules, { path: '/v1/../v1/orders-7/..' }), [7])
})

t.test('rules that name several: they are told apart by all of it', async t => {
  const users = ['u0', 'u1', 'u2']
  const hosts = ['h0.test', 'h1.test', 'h2.test']
  const rules = users.flatMap(user => hosts.flatMap(host => ['10.0.0.1', '10.0.0.2'].map(client => ({ users: [user], to: [host], clients: [client] }))))
  t.same(found(rules, { user: 'u1', host: 'h2.test', client: '10.0.0.2' }), [11])
  t.same(found(rules, { user: 'u1', host: 'h2.test' }), [10, 11])
})

t.test('a rule with very many values: it is looked at for all of them', async t => {
  const many = (name: string) => Array.from({ length: 300 }, (_, index) => `${name}${index}`)
  const rules = [{ users: many('user') }, { users: ['bob'] }, { users: many('user').slice(0, 200), to: ['a.test', 'b.test'] }, { users: ['user1'], to: ['c.test'] }]
  t.same(found(rules, { user: 'bob' }), [0, 1])
  t.same(found(rules, { user: 'user1', host: 'd.test' }), [0, 2], 'two values more would be too many places')
  t.same(found([{ users: many('user') }, {}], { user: 'bob' }), [0, 1])
})

t.test('more lists than are compared one by one: the rules come in order, and once', async t => {
  const rules = Array.from({ length: 40 }, (_, index) => ({ groups: [`g${index}`, `g${39 - index}`] }))
  t.same(found(rules, { groups: Array.from({ length: 40 }, (_, index) => `g${index}`) }), rules.map((_, index) => index))
})

t.test('a rule that is enough: none behind it comes', async t => {
  const { rules } = readDocument({ rules: [{ users: ['alice'], action: 'deny' }, { action: 'deny' }, { groups: ['ci'], action: 'deny' }] })
  for (const [last, user, count] of [[0, 'alice', 1], [1, 'alice', 2], [1, 'bob', 1]] as const) {
    const numbers: number[] = []
    new RuleIndex(rules).each(reader.read({ form: 'http', host: 'a.test', user, groups: ['ci'] }), ({ index }) => {
      numbers.push(index)
      return index === last
    })
    t.equal(numbers.length, count)
  }
  const single: number[] = []
  new RuleIndex(rules.slice(1, 2)).each(reader.read({ form: 'http', host: 'a.test' }), ({ index }) => single.push(index) > 0)
  t.same(single, [1])
  t.same(found([], {}), [])
})
