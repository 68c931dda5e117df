import t from 'tap'
import { SharedRoom, shareOf } from '../../lib/store/shared-room.js'

const by = (owner: string | null) => () => owner

t.test('an owner with many values: a new one takes the place of the oldest of the same owner (F-64)', async t => {
  const room = new SharedRoom<number>(100, 2)
  room.set('a', 1, by('alice'))
  room.set('b', 2, by('bob'))
  room.set('c', 3, by('alice'))
  room.set('d', 4, by('alice'))
  t.strictSame(['a', 'b', 'c', 'd'].map(key => room.get(key)), [undefined, 2, 3, 4])
  room.set('d', 5, () => { throw new Error('asked again') })
  t.strictSame([room.get('c'), room.get('d'), room.size], [3, 5, 3])
  room.delete('c')
  room.delete('c')
  room.set('e', 6, by('alice'))
  t.strictSame([room.get('d'), room.get('e')], [5, 6], 'what is deleted leaves its place')
})

t.test('a room that is full in all: the value that was used longest ago goes first', async t => {
  const room = new SharedRoom<number>(2, 16)
  room.set('a', 1, by(null))
  room.set('b', 2, by('bob'))
  room.touch('a')
  room.set('c', 3, by(null))
  t.strictSame([room.get('a'), room.get('b'), room.get('c')], [1, undefined, 3])
  room.deleteWhere(value => value === 3)
  t.equal(room.size, 1)
})

t.test('the share of an owner: it is a hundredth, but not less than a minimum', async t => {
  t.strictSame([1, 1600, 10_000].map(shareOf), [16, 16, 100])
})
