import t from 'tap'
import { FORMAT } from '../../../lib/status/page/format.js'
import { PLOT } from '../../../lib/status/page/plot.js'
import { STATE } from '../../../lib/status/page/state.js'
import { TABLE } from '../../../lib/status/page/table.js'
import { VIEWS } from '../../../lib/status/page/views.js'
import type { StatusSnapshot } from '../../../lib/status/snapshot.js'
import { evaluated } from '../../fixtures/page-script.js'
import { exchangeRow, refusalRow, snapshot, userRow } from '../../fixtures/status.js'

type Rows = Record<'users' | 'refusals' | 'parents' | 'exchanges', Array<Record<string, any>>>

function rowsOf (of: StatusSnapshot): Rows {
  return evaluated([FORMAT, STATE, PLOT, TABLE, VIEWS], `(() => {
    const state = createState()
    takeSnapshot(state, ${JSON.stringify(of)})
    return Object.fromEntries(VIEWS.map(({ table, rows }) => [table.id, rows(state)]))
  })()`)
}

t.test('the rows of each table: they have keys that differ, and words to filter by', async t => {
  const parents = [{ parent: 'corp', state: 'works', error: null, failingMs: null }] as const
  const rows = rowsOf(snapshot({ users: [userRow(), userRow({ user: null })], exchanges: [exchangeRow({ parent: 'corp' }), exchangeRow({ key: 2, user: null, rule: 'Staff' })], refusals: [refusalRow(), refusalRow({ serial: 2, kind: 'limited', by: 'Few' })], parents }))
  t.strictSame(rows.users.map(({ key, words }) => [key, words]), [['alice', 'alice'], [null, '(no name)']])
  t.strictSame(rows.exchanges.map(({ key, words }) => [key, words.split('\n')]), [
    [1, ['alice', 'connect', 'connect', 'origin.test:443', 'corp', '192.0.2.1', '127.0.0.1', 'req-1']],
    [2, ['(no name)', 'connect', 'connect', 'origin.test:443', '192.0.2.1', 'staff', '127.0.0.1', 'req-1']]
  ])
  t.match(rows.refusals, [{ key: 1, words: /^denied\nbob/ }, { key: 2, words: /few/ }])
  t.match(rows.parents, [{ key: 'corp', open: 1, rate: 30 }])
})

t.test('columns: each table is sorted by one that it has, and their names differ', async t => {
  const tables = evaluated<Array<{ sort: string, columns: Array<{ id: string, label: string }> }>>([FORMAT, STATE, PLOT, TABLE, VIEWS], 'VIEWS.map(({ table }) => table)')
  t.equal(tables.length, 4)
  for (const { sort, columns } of tables) {
    t.ok(columns.some(({ id }) => id === sort), sort)
    t.equal(new Set(columns.map(({ id }) => id)).size, columns.length)
    for (const { label } of columns) t.ok(label.length > 0)
  }
})
