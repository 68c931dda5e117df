import fc from 'fast-check'
import t from 'tap'
import {
  END_TO_END, HOP_BY_HOP_REQUEST, HOP_BY_HOP_RESPONSE, connectionOptions, endToEnd, endToEndFields
} from '../../lib/fields/hop-by-hop.js'
import type { Direction, FieldRecord } from '../../lib/fields/hop-by-hop.js'
import { MAX_MEMBERS } from '../../lib/fields/grammar.js'
import { LONG_TEXTS, token } from '../fixtures/field-text.js'
import { vectors } from '../fixtures/vectors.js'

type Field = [name: string, value: string]
interface Row {
  id: string
  direction: Direction
  received: Field[]
  received_status?: number
  forwarded_must_lack?: string[]
  forwarded_must_have?: Field[]
}

/** The fields of a list that has names and values in turn. */
function pairs (flat: readonly string[]): Field[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}

/** The same fields as node gives them in an object. */
function joined (fields: Field[]): FieldRecord {
  const record: FieldRecord = Object.create(null)
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    record[key] = record[key] === undefined ? value : `${record[key] as string}, ${value}`
  }
  return record
}

const namesOf = (flat: readonly string[]) => pairs(flat).map(([name]) => name)

for (const { id, direction, received, forwarded_must_lack: lacks, forwarded_must_have: has = [] } of vectors<Row>('hop-by-hop')) {
  if (lacks === undefined) continue // about statuses, or the next test
  t.test(`${id}: ${direction} (R-HOP-1, R-HOP-2, R-HOP-3, R-HOP-4, R-CHAIN-1, R-CHAIN-7, R-CHAIN-8)`, async t => {
    const forwarded = endToEnd(received.flat(), direction)
    const fields = endToEndFields(joined(received), direction)
    const left = new Set(namesOf(forwarded).map((name) => name.toLowerCase()))
    for (const name of lacks) {
      t.notOk(left.has(name.toLowerCase()), name)
      t.notOk(name.toLowerCase() in fields)
    }
    for (const [name, value] of has) {
      t.ok(pairs(forwarded).some((field) => field[0] === name && field[1] === value), name)
      t.equal(fields[name.toLowerCase()], value)
    }
  })
}

t.test('HH-2: Connection cannot take away what frames, routes or authenticates (R-HOP-5)', async t => {
  const names = ['Authorization', 'Host', 'Content-Length', 'Cache-Control', 'Via', 'Cookie', 'X-Forwarded-For', 'WWW-Authenticate', 'Set-Cookie']
  const received = ['Connection', `${names.join(', ')}, X-Hop`, 'X-Hop', '1', ...names.flatMap((name) => [name, 'x'])]
  t.strictSame(connectionOptions(received), new Set(['x-hop']))
  for (const direction of ['request', 'response'] as const) {
    t.strictSame(namesOf(endToEnd(received, direction)), names)
    t.strictSame(Object.keys(endToEndFields(joined(pairs(received)), direction)), names.map((name) => name.toLowerCase()))
  }
  for (const name of ['transfer-encoding', 'proxy-authorization']) t.notOk(END_TO_END.has(name), `${name} ends here anyway`)
})

t.test('several lines of Connection: the options of all are collected, in lower case (R-HOP-1)', async t => {
  const received = ['CONNECTION', 'close, X-A', 'Connectiom', 'x-b', 'connection', ' ,x-C\t,, "d", e f, g=h', 'Connection', '']
  t.strictSame(connectionOptions(received), new Set(['close', 'x-a', 'x-c']))
  t.strictSame(connectionOptions([]), new Set())
})

t.test('a field that ends at this hop: it is removed, in any case, named in Connection or not (R-HOP-2, R-HOP-3, R-HOP-4)', async t => {
  for (const [direction, names] of [['request', HOP_BY_HOP_REQUEST], ['response', HOP_BY_HOP_RESPONSE]] as const) {
    for (const name of names) {
      const spellings = [name, name.toUpperCase(), name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())]
      for (const spelling of spellings) t.strictSame(endToEnd([spelling, 'x', 'A', '1'], direction), ['A', '1'], spelling)
      t.strictSame({ ...endToEndFields({ [name]: 'x', a: '1' }, direction) }, { a: '1' }, name)
    }
  }
})

t.test('Expect, Proxy and Trailer: they are removed from a request and kept in a response', async t => {
  const received = ['Expect', '100-continue', 'Proxy', 'http://a.test', 'Trailer', 'X-Sum', 'Proxy-Status', 'gw']
  t.strictSame(namesOf(endToEnd(received, 'request')), ['Proxy-Status'])
  t.strictSame(namesOf(endToEnd(received, 'response')), ['Expect', 'Proxy', 'Trailer', 'Proxy-Status'])
})

t.test('any other field: it is kept, with order, case and repetition (R-HOP-8)', async t => {
  const received = ['uSer-AGent', 'a', 'X-Own', '1', 'x-own', '2', 'Content-Length', '3', 'Cookie', 'c=d', '', 'nameless', 'Upgrade-Insecure-Requests', '1']
  t.strictSame(endToEnd(['Connection', 'close', ...received, 'Keep-Alive', '1'], 'request'), received)
  const untouched = [...received]
  endToEnd(received, 'response')
  t.strictSame(received, untouched, 'the list received is not changed')
})

t.test('fields that the caller names: they are removed too', async t => {
  const also = new Set(['host', 'x-proxy-key'])
  t.strictSame(endToEnd(['Host', 'a', 'Accept', 'b', 'X-PROXY-KEY', 'c', 'HoSt', 'd'], 'request', also), ['Accept', 'b'])
  t.strictSame({ ...endToEndFields({ host: 'a', accept: 'b', 'x-proxy-key': 'c' }, 'request', also) }, { accept: 'b' })
  t.strictSame(endToEnd(['Connection', 'Y', 'y', '1', 'Z', '2'], 'request', new Set(['z'])), [])
})

t.test('pseudo-header fields: they are left out', async t => {
  t.strictSame(endToEnd([':authority', 'a.test', 'a', '1'], 'request'), ['a', '1'])
  t.strictSame({ ...endToEndFields({ ':authority': 'a.test', a: '1' }, 'request') }, { a: '1' })
})

t.test('fields in an object: an array of lines and a name such as __proto__ are handled', async t => {
  const fields: FieldRecord = JSON.parse('{ "connection": ["x-a", "x-b"], "x-a": "1", "x-b": "2", "set-cookie": ["c", "d"], "__proto__": "e" }')
  t.strictSame(Object.entries(endToEndFields(fields, 'response')), [['set-cookie', ['c', 'd']], ['__proto__', 'e']])
  t.ok('x-a' in fields, 'the object received is not changed')
})

t.test('fields as a list and as an object: both agree with a plain reading of the rules (R-HOP-1, R-HOP-8)', async t => {
  const name = fc.oneof(token, fc.constantFrom(...HOP_BY_HOP_REQUEST, ...END_TO_END, 'X-A', 'x-b', 'accept', 'Trailer', 'te', 'TE'))
  const field = fc.oneof(fc.tuple(name, fc.constant('v')), fc.tuple(fc.constant('Connection'), fc.array(name, { maxLength: 3 }).map((names) => names.join(' , '))))
  fc.assert(fc.property(fc.array(field, { maxLength: 12 }), fc.constantFrom('request' as const, 'response' as const), (fields, direction) => {
    const named = fields.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.toLowerCase().split(' , '))
    const ends = direction === 'request' ? HOP_BY_HOP_REQUEST : HOP_BY_HOP_RESPONSE
    const expected = fields.filter(([name]) => {
      const key = name.toLowerCase()
      return !ends.has(key) && (END_TO_END.has(key) || !named.includes(key))
    })
    t.strictSame(pairs(endToEnd(fields.flat(), direction)), expected)
    t.strictSame(new Set(Object.keys(endToEndFields(joined(fields), direction))), new Set(expected.map(([name]) => name.toLowerCase())))
  }))
})

t.test('more connection options than the cap, or any odd text: the options read are capped (R-PARSE-11)', async t => {
  const options = Array.from({ length: MAX_MEMBERS + 9 }, (_, i) => `x-${i}`)
  t.equal(connectionOptions(['Connection', options.join()]).size, MAX_MEMBERS)
  for (const text of LONG_TEXTS) t.ok(connectionOptions(['Connection', text]).size <= MAX_MEMBERS)
})
