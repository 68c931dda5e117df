import t from 'tap'
import { announcedLength, announcesContent } from '../../lib/fields/announces-content.js'

t.test('a length above zero or a transfer coding: it announces content', async t => {
  for (const headers of [{ 'content-length': '3' }, { 'transfer-encoding': 'chunked' }]) t.equal(announcesContent({ headers }), true)
  for (const headers of [{}, { 'content-length': '00' }]) t.equal(announcesContent({ headers }), false)
})

t.test('the announced length: it is zero without content, and infinite for content in chunks', async t => {
  const lengths = [{}, { 'content-length': '3' }, { 'content-length': '3', 'transfer-encoding': 'chunked' }].map(headers => announcedLength({ headers }))
  t.strictSame(lengths, [0, 3, Infinity])
})
