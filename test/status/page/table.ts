import t from 'tap'
import { TABLE } from '../../../lib/status/page/table.js'
import { evaluated } from '../../fixtures/page-script.js'

const rows = [{ name: 'carol', octets: 5, words: 'carol origin.test' }, { name: 'alice', octets: 20, words: 'alice origin.test' }, { name: 'bob', octets: 5, words: 'bob other.test' }]

function chosen (filter: string, column: string, descends: boolean): string[] {
  return evaluated([TABLE], `chosen(${JSON.stringify(rows)}, ${JSON.stringify(filter)}, { value: (row) => row.${column} }, ${descends}).map((row) => row.name)`)
}

t.test('rows: they are sorted by text or by number, either way, and equal ones stay in their order', async t => {
  t.strictSame(chosen('', 'name', false), ['alice', 'bob', 'carol'])
  t.strictSame(chosen('', 'name', true), ['carol', 'bob', 'alice'])
  t.strictSame(chosen('', 'octets', true), ['alice', 'carol', 'bob'])
  t.strictSame(chosen('', 'octets', false), ['carol', 'bob', 'alice'])
})

t.test('a filter: rows with all of its words stay, in any case', async t => {
  t.strictSame(chosen('ORIGIN', 'name', false), ['alice', 'carol'])
  t.strictSame(chosen(' origin  car ', 'name', false), ['carol'])
  t.strictSame(chosen('nothing', 'name', false), [])
  t.strictSame(chosen('.*', 'name', false), [], 'it is no pattern')
})
