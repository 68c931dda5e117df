import t from 'tap'
import { noteLength, receivedLength } from '../../lib/fields/received-length.js'

t.test('a list that gets shorter: its length as received stays known (F-22)', async t => {
  const request = { rawHeaders: ['a', '1', 'b', '2', 'c', '3'] }
  t.equal(receivedLength(request), 6)
  noteLength(request)
  request.rawHeaders.splice(0, 2)
  t.equal(receivedLength(request), 6)
  noteLength(request)
  t.equal(receivedLength(request), 6, 'the first note counts')
})
