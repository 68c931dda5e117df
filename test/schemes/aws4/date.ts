import t from 'tap'
import fc from 'fast-check'
import { formatSigningTime, readSigningTime } from '../../../lib/schemes/aws4/date.js'

const AT = Date.UTC(2026, 10, 21, 8, 49, 37)

t.test('a time in one of the two forms: it is read (R-AWS-4)', async t => {
  t.equal(readSigningTime('20261121T084937Z'), AT)
  t.equal(readSigningTime('Sat, 21 Nov 2026 08:49:37 GMT'), AT)
})

t.test('any other text: it is no time', async t => {
  for (const text of [
    '', '20261121', '20261121T084937', '2026-11-21T08:49:37Z', '20261121t084937z', '20261321T084937Z', '20260231T084937Z', '20261121T254937Z',
    '20261121T084960Z', 'Saturday, 21-Nov-26 08:49:37 GMT', 'Sun, 21 Nov 2026 08:49:37 GMT', 'Sat, 21 Nov 2026 09:49:37 +0100', '0', 'now',
    'x20261121T084937Z', '20261121T084937Zx'
  ]) t.equal(readSigningTime(text), undefined, text)
})

t.test('a time that is written and read back: it is the same, in whole seconds', async () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) / 1000 }), second => {
    const text = formatSigningTime(second * 1000 + 999)
    return readSigningTime(text) === second * 1000 && readSigningTime(new Date(second * 1000).toUTCString()) === second * 1000
  }))
})
