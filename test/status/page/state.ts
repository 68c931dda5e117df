import t from 'tap'
import { STATE } from '../../../lib/status/page/state.js'
import { changeBetween } from '../../../lib/status/change.js'
import type { StatusSnapshot } from '../../../lib/status/snapshot.js'
import { evaluated } from '../../fixtures/page-script.js'
import { exchangeRow, refusalRow, snapshot, userRow } from '../../fixtures/status.js'

interface Held { users: object[], exchanges: Array<Record<string, any>>, refusals: object[], parents: object[], totals: object, uptimeMs: number, history: number[][] }

/** What the page holds when it got a snapshot first and then changes, or another snapshot. */
function held (first: StatusSnapshot, ...then: object[]): Held {
  const taken = then.map(each => `take${'gateway' in each ? 'Snapshot' : 'Change'}(state, ${JSON.stringify(each)});`).join('')
  return evaluated([STATE], `(() => {
    const state = createState(); takeSnapshot(state, ${JSON.stringify(first)}); ${taken}
    return { ...state, users: [...state.users.values()], exchanges: [...state.exchanges.values()] }
  })()`)
}

/** Without what the page adds to it. */
function plain (rows: Array<Record<string, any>>): object[] {
  return rows.map(({ history: _, began: __, ageMs: ___, ...row }) => row)
}

t.test('a snapshot and each change: the page holds what the gateway has', async t => {
  const moments = [
    snapshot(),
    snapshot({ uptimeMs: 61_000, users: [userRow(), userRow({ user: null }), userRow({ user: 'null' })], exchanges: [exchangeRow({ bytesIn: 500 }), exchangeRow({ key: 2, ageMs: 10 })] }),
    snapshot({ uptimeMs: 62_000, exchanges: [exchangeRow({ key: 2, parent: 'corp' }), exchangeRow({ key: 3 })], refusals: [refusalRow(), refusalRow({ serial: 2 })], parents: [{ parent: 'corp', state: 'fails', error: null, failingMs: 1 }] }),
    snapshot({ uptimeMs: 63_000, users: [], exchanges: [], refusals: [refusalRow(), refusalRow({ serial: 2 })] })
  ]
  const changes: object[] = []
  moments.slice(1).forEach((moment, index) => {
    changes.push(changeBetween(moments[index]!, moment))
    const now = held(moments[0]!, ...changes)
    t.strictSame(plain(now.users as never), plain(moment.users as never))
    t.strictSame(plain(now.exchanges), plain(moment.exchanges as never))
    t.strictSame(now.refusals, moment.refusals)
    t.strictSame(now.totals, moment.totals)
    t.equal(now.uptimeMs, moment.uptimeMs)
  })
})

t.test('an exchange: when it began stays, whatever changes of it', async t => {
  const later = snapshot({ uptimeMs: 70_000, exchanges: [exchangeRow({ ageMs: 11_000, parent: 'corp' })] })
  t.equal(held(snapshot()).exchanges[0]!['began'], 59_000)
  t.equal(held(snapshot(), changeBetween(snapshot(), later)).exchanges[0]!['began'], 59_000)
})

t.test('rates: those of the last minute are kept', async t => {
  const change = (uptimeMs: number) => changeBetween(snapshot(), snapshot({ uptimeMs }))
  const changes = Array.from({ length: 80 }, (_, index) => change(61_000 + index))
  const now = held(snapshot(), ...changes)
  for (const history of [now.history, now.exchanges[0]!['history']]) {
    t.strictSame(history, [Array(60).fill(10), Array(60).fill(20)])
  }
})

t.test('another snapshot: what is known of rates stays for the same process without a gap, and for no other', async t => {
  t.equal(held(snapshot(), snapshot()).exchanges[0]!['history'][0].length, 2)
  t.equal(held(snapshot(), snapshot({ uptimeMs: 65_000 })).exchanges[0]!['history'][0].length, 1)
  t.equal(held(snapshot(), snapshot({ process: 8 })).exchanges[0]!['history'][0].length, 1)
  t.equal(held(snapshot(), snapshot({ process: 8 })).history[0]!.length, 1)
})

t.test('refusals for ever: the last 200 are kept', async t => {
  const many = (from: number) => Array.from({ length: 150 }, (_, index) => refusalRow({ serial: from + index }))
  const now = held(snapshot({ refusals: [] }), ...[1, 151].map(from => ({ at: '', uptimeMs: 1, totals: snapshot().totals, refusals: many(from) })))
  t.equal(now.refusals.length, 200)
  t.match(now.refusals.at(-1), { serial: 300 })
})

t.test('a pace of an exchange that is not known: it does nothing', async t => {
  t.strictSame(held(snapshot(), { at: '', uptimeMs: 1, totals: snapshot().totals, paces: [[9, 1, 1, 1, 1]] }).exchanges.length, 1)
})
