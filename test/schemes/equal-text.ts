import t from 'tap'
import { timingSafeEqualText } from '../../lib/schemes/equal-text.js'

t.test('texts that are the same: they are equal, and no others are (R-SEC-4)', async t => {
  t.equal(timingSafeEqualText('alice-secret', 'alice-secret'), true)
  t.equal(timingSafeEqualText('', ''), true)
  t.equal(timingSafeEqualText('pä§s€', 'pä§s€'), true)
  t.equal(timingSafeEqualText('alice-secret', 'alice-secreT'), false)
  t.equal(timingSafeEqualText('caf\u00e9', 'cafe\u0301'), false, 'forms are for others to make one')
})

t.test('texts of different lengths: there is no error, which timingSafeEqual alone throws (R-SEC-4)', async t => {
  t.equal(timingSafeEqualText('alice-secret', 'alice'), false)
  t.equal(timingSafeEqualText('', 'alice-secret'), false)
})
