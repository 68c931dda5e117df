import t from 'tap'
import { OwnPlaces } from '../../../lib/policy/limits/places.js'

t.test('places of one process: there are as many as may be for each key, and what is left is free again', async t => {
  const places = new OwnPlaces()
  t.same([places.enter('a', 2), places.enter('a', 2), places.enter('a', 2), places.enter('b', 1), places.enter('b', 0)], [true, true, false, true, false])
  places.leave('a')
  t.same([places.enter('a', 2), places.enter('a', 2)], [true, false])
  t.same([[...places.keys()], places.of('a'), places.of('c')], [['a', 'b'], 2, 0])
  for (const key of ['a', 'a', 'b']) places.leave(key)
  t.equal(places.size, 0, 'what there is none of takes no room')
  t.equal(places.enter('none', 0), false)
  t.equal(places.size, 0)
  places.close()
})
