import t from 'tap'
import { RESPONSE_HEAD, readResponseHead } from '../../../lib/proxy/upstream/response-head-limit.js'
import { refusesOption } from '../../fixtures/bad-option.js'

t.test('the size limit of a response head: it has a range and a default (F-13)', async t => {
  t.equal(readResponseHead(undefined, 'x'), RESPONSE_HEAD)
  for (const size of [1024, 65_536, 1_048_576]) t.equal(readResponseHead(size, 'x'), size)
  for (const [size, got] of [[1023, 'another number'], [1_048_577, 'another number'], [null, 'object'], ['1024', 'string']] as const) {
    refusesOption(t, () => readResponseHead(size, 'forward.maxResponseHead'), 'forward.maxResponseHead', got)
  }
})
