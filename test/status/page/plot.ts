import t from 'tap'
import { PLOT } from '../../../lib/status/page/plot.js'
import { STATE } from '../../../lib/status/page/state.js'
import { evaluated } from '../../fixtures/page-script.js'

t.test('rates: the line ends at the right, and its top is the greatest of all', async t => {
  const path = (history: number[], most: number) => evaluated<string>([STATE, PLOT], `pathOf(${JSON.stringify(history)}, ${most})`)
  t.equal(path([0, 5, 10], 10), 'M57 20.0L58 10.0L59 0.0')
  t.equal(path([], 10), '')
  t.equal(path(Array(60).fill(0), 1).split('L').length, 60)
})
