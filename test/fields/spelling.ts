import t from 'tap'
import { ADDED_FIELDS, GATE_FIELDS, OWN_FIELDS, spelled } from '../../lib/fields/spelling.js'

t.test('a field of ours: it is spelt as its RFC spells it, any other stays (F-5)', async t => {
  const rows = [
    ['proxy-authenticate', 'Proxy-Authenticate'], ['www-authenticate', 'WWW-Authenticate'], ['retry-after', 'Retry-After'],
    ['via', 'Via'], ['x-request-id', 'x-request-id'], ['constructor', 'constructor']
  ] as const
  for (const [name, right] of rows) t.equal(spelled(name), right)
  for (const [name, right] of ADDED_FIELDS) t.equal(right.toLowerCase(), name)
  for (const name of GATE_FIELDS.keys()) t.ok(OWN_FIELDS.has(name))
  for (const name of OWN_FIELDS.keys()) t.ok(ADDED_FIELDS.has(name))
})
