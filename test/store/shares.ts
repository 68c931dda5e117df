import t from 'tap'
import { Shares } from '../../lib/store/shares.js'

t.test('amounts that are taken: there is a limit in all, and one for each owner', async t => {
  const shares = new Shares(5, 2)
  t.strictSame([shares.take(1, 'a'), shares.take(1, 'a'), shares.take(1, 'a')], [true, true, false], 'its share')
  t.strictSame([shares.take(3, 'b'), shares.take(2, 'b')], [false, true], 'not more than that')
  t.strictSame([shares.take(2, 'c'), shares.take(1, 'c'), shares.take(1, 'd')], [false, true, false], 'nor than there is')
  t.equal(shares.taken, 5)
  t.strictSame([shares.lacks(1, 'a'), shares.lacks(1, 'd'), new Shares(1, 1).lacks(1, 'a')], ['share', 'room', undefined])
})

t.test('an amount that is given back: it is there again, for its owner and for others', async t => {
  const shares = new Shares(3, 2)
  shares.take(2, 'a')
  shares.giveBack(1, 'a')
  t.strictSame([shares.take(1, 'a'), shares.take(1, 'a'), shares.take(1, 'b')], [true, false, true])
  shares.giveBack(1, 'a')
  shares.giveBack(1, 'a')
  shares.giveBack(0, 'c')
  t.equal(shares.taken, 1)
  t.equal(shares.take(2, 'a'), true)
})

t.test('no owner: there is no share', async t => {
  const shares = new Shares(3, 1)
  t.strictSame([shares.take(2, ''), shares.take(1, ''), shares.take(1, '')], [true, true, false])
  shares.giveBack(3, '')
  t.equal(shares.taken, 0)
})
