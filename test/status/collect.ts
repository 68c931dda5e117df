import t from 'tap'
import { Events } from '../../lib/events/events.js'
import { createCollector } from '../../lib/status/collect.js'
import type { StatusSources } from '../../lib/status/collect.js'
import { Refusals } from '../../lib/status/refusals.js'

const STILL = { bytesIn: 0, bytesOut: 0, rateIn: 0, rateOut: 0 }

/** Exchanges and users as given, which are read anew each time. */
function collecting (given: { records?: object[], users?: object[] } = {}) {
  const { records = [], users = [] } = given
  const proxied = records.map(record => ({ record: { hasOpened: true, age: 5, ...record, described: () => ({ ...record }) } }))
  const exchanges = {
    get proxied () { return proxied },
    usage: { ofUsers: () => users, paceOf: () => ({ bytesIn: 1, bytesOut: 2, rateIn: 3, rateOut: 4 }) }
  }
  const events = new Events('gw.test')
  const sources = { gateway: 'gw.test', exchanges, left: () => [], refusals: new Refusals(events), parents: () => [] } as unknown as StatusSources
  return { collect: createCollector(sources), proxied, events }
}

const record = { id: 'req-1', user: 'alice', client: '127.0.0.1', form: 'connect', method: 'CONNECT', target: 'origin.test:443' }

t.test('nothing is open: a snapshot says so, and which gateway and process it is of', async t => {
  const { collect } = collecting()
  const { at, uptimeMs, ...rest } = collect()
  t.equal(new Date(at).toISOString(), at)
  t.ok(uptimeMs >= 0)
  t.strictSame(rest, {
    gateway: 'gw.test',
    process: process.pid,
    totals: { users: 0, tunnels: 0, requests: 0, ...STILL, refusals: 0 },
    users: [],
    exchanges: [],
    refusals: [],
    parents: []
  })
})

t.test('what is open: each has a number of its own, which stays', async t => {
  const { collect, proxied } = collecting({ records: [record, { ...record, path: '/x', parent: 'corp', rule: 'staff', address: '192.0.2.1', hasOpened: false }] })
  const [one, other] = collect().exchanges
  const common = { id: 'req-1', user: 'alice', client: '127.0.0.1', form: 'connect', method: 'CONNECT', target: 'origin.test:443', ageMs: 5, bytesIn: 1, bytesOut: 2, rateIn: 3, rateOut: 4 }
  t.strictSame(one, { key: 1, ...common, path: null, parent: null, address: null, rule: null, opened: true })
  t.strictSame(other, { key: 2, ...common, path: '/x', parent: 'corp', address: '192.0.2.1', rule: 'staff', opened: false })
  proxied.reverse()
  t.strictSame(collect().exchanges.map(({ key }) => key), [2, 1])
})

t.test('users: those with something open come first, then those that were here latest; the totals are of all', async t => {
  const user = (name: string | null, more = {}) => ({ user: name, tunnels: 0, requests: 0, bytesIn: 10, bytesOut: 20, rateIn: 1, rateOut: 2, denials: 0, limits: [], ...more })
  const { collect } = collecting({ users: [user('first'), user('latest'), user('alice', { tunnels: 2 }), user(null, { requests: 1 })] })
  const { users, totals } = collect()
  t.strictSame(users.map(each => each.user), ['alice', null, 'latest', 'first'])
  const { limits: _, ...alice } = user('alice', { tunnels: 2 })
  t.strictSame(users[0], { ...alice, quotas: [] })
  t.strictSame(totals, { users: 2, tunnels: 2, requests: 1, bytesIn: 40, bytesOut: 80, rateIn: 4, rateOut: 8, refusals: 0 })
})

t.test('very many users and exchanges: a snapshot has some of them, and the totals of all', async t => {
  const users = Array.from({ length: 3000 }, (_, index) => ({ user: `user-${index}`, tunnels: 2, requests: 0, ...STILL, denials: 0, limits: [] }))
  const { collect } = collecting({ users, records: Array.from({ length: 6000 }, () => record) })
  const { users: told, exchanges, totals } = collect()
  t.equal(told.length, 2000)
  t.equal(exchanges.length, 5000)
  t.equal(totals.tunnels, 6000)
})

t.test('texts of any length: what is told of them has an end', async t => {
  const long = 'x'.repeat(5000)
  const { collect } = collecting({ records: [{ ...record, id: long, user: long, target: long, path: long }], users: [{ user: long, tunnels: 1, requests: 0, ...STILL, denials: 0, limits: [] }] })
  t.ok(JSON.stringify(collect()).length < 3000)
})

t.test('refusals: they are told of and counted', async t => {
  const { collect, events } = collecting()
  events.tell('refused', { id: 'req-1', client: null, method: 'GET', durationMs: 1, user: null, scheme: null, status: 407, reason: 'rejected' })
  const { refusals, totals } = collect()
  t.match(refusals, [{ serial: 1, kind: 'refused', reason: 'rejected' }])
  t.equal(totals.refusals, 1)
})

t.test('quotas: what is left of them is told, and when they begin anew', async t => {
  const limits = [{ limit: 'day', octets: 100, left: 40, renews: new Date(0) }]
  const { collect } = collecting({ users: [{ user: 'alice', tunnels: 1, requests: 0, ...STILL, denials: 0, limits }] })
  t.strictSame(collect().users[0]?.quotas, [{ limit: 'day', octets: 100, left: 40, renews: '1970-01-01T00:00:00.000Z' }])
})
