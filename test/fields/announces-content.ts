import t from 'tap'
import { announcesContent } from '../../lib/fields/announces-content.js'

t.test('a length or a coding announces content', async t => {
  for (const headers of [{ 'content-length': '3' }, { 'transfer-encoding': 'chunked' }]) t.equal(announcesContent({ headers }), true)
  for (const headers of [{}, { 'content-length': '00' }]) t.equal(announcesContent({ headers }), false)
})
