import t from 'tap'
import { changeBetween } from '../../lib/status/change.js'
import { exchangeRow, refusalRow, snapshot, userRow } from '../fixtures/status.js'

const before = snapshot()

t.test('nothing has changed: the change has the time and the totals alone', async t => {
  const { totals } = before
  t.strictSame(changeBetween(before, snapshot({ uptimeMs: 61_000 })), { at: before.at, uptimeMs: 61_000, totals })
})

t.test('an exchange has moved octets, or has stopped to: its change is a few numbers', async t => {
  for (const moved of [{ bytesIn: 101 }, { bytesOut: 2001 }, { rateIn: 0 }, { rateOut: 0 }]) {
    const exchange = exchangeRow({ ...moved, ageMs: 2000 })
    const { paces, ...rest } = changeBetween(before, snapshot({ exchanges: [exchange] }))
    t.strictSame(paces, [[1, exchange.bytesIn, exchange.bytesOut, exchange.rateIn, exchange.rateOut]])
    t.strictSame(Object.keys(rest), ['at', 'uptimeMs', 'totals'])
  }
})

t.test('an exchange that is new, has opened, or goes another way: the change has all of it', async t => {
  for (const other of [{ key: 2 }, { opened: false }, { parent: 'corp' }, { address: null }, { rule: 'staff' }]) {
    const exchange = exchangeRow(other)
    t.strictSame(changeBetween(before, snapshot({ exchanges: [exchange] })).exchanges, [exchange])
  }
})

t.test('an exchange has ended, or a user is no longer told of: the change names it', async t => {
  const { gone, usersGone, exchanges, users } = changeBetween(before, snapshot({ exchanges: [], users: [] }))
  t.strictSame({ gone, usersGone, exchanges, users }, { gone: [1], usersGone: ['alice'], exchanges: undefined, users: undefined })
})

t.test('users that are new or have changed: the change has them, and no others', async t => {
  const users = [userRow(), userRow({ user: null })]
  t.strictSame(changeBetween(before, snapshot({ users })).users, [users[1]])
  const quotas = [{ limit: 'day', octets: 10, left: 5, renews: '2026-12-01T00:00:00.000Z' }]
  t.strictSame(changeBetween(before, snapshot({ users: [userRow({ quotas })] })).users, [userRow({ quotas })])
})

t.test('refusals that have come: the change has those alone', async t => {
  const refusals = [refusalRow(), refusalRow({ serial: 2 }), refusalRow({ serial: 3 })]
  t.strictSame(changeBetween(before, snapshot({ refusals })).refusals, refusals.slice(1))
  t.strictSame(changeBetween(snapshot({ refusals: [] }), snapshot({ refusals })).refusals, refusals)
})

t.test('a parent that fails or works again: the change has all parents', async t => {
  const works = { parent: 'corp', state: 'works', error: null, failingMs: null } as const
  const fails = { parent: 'corp', state: 'fails', error: 'ECONNREFUSED', failingMs: 5 } as const
  const [good, bad] = [snapshot({ parents: [works] }), snapshot({ parents: [fails] })]
  t.strictSame(changeBetween(good, bad).parents, [fails])
  t.strictSame(changeBetween(bad, good).parents, [works])
  t.strictSame(changeBetween(bad, snapshot({ parents: [{ ...fails, error: 'ETIMEDOUT' }] })).parents, [{ ...fails, error: 'ETIMEDOUT' }])
  t.equal(changeBetween(good, good).parents, undefined)
})

t.test('two thousand tunnels that all move: the change has at most 50 octets for each', async t => {
  const tunnels = (moved: number) => Array.from({ length: 2000 }, (_, index) => exchangeRow({ key: index + 1, bytesIn: 1_000_000 + moved, bytesOut: 90_000_000 + moved, rateIn: 100_000, rateOut: 1_000_000 }))
  const change = changeBetween(snapshot({ exchanges: tunnels(0) }), snapshot({ exchanges: tunnels(1000) }))
  t.equal(change.paces?.length, 2000)
  t.ok(JSON.stringify(change).length < 100_000)
})
