import t from 'tap'
import fc from 'fast-check'
import { ReplayWindow } from '../../lib/store/replay-window.js'
import { vectors } from '../fixtures/vectors.js'

/** The same with a list of all numbers: what the window must be as good as. */
class Naive {
  private readonly used: number[] = []
  private highest = 0

  constructor (private readonly size: number) {}

  mark (n: number): string {
    if (n <= this.highest - this.size) return 'below window'
    if (this.used.includes(n)) return 'seen'
    this.used.push(n)
    this.highest = Math.max(this.highest, n)
    return 'new'
  }
}

t.test('the vectors: each number is judged as it should be (R-DIG-32, R-DIG-33, S10)', async t => {
  const said: Record<string, string> = { new: 'ok', seen: 'replay', 'below window': 'stale' }
  for (const { id, description, sequence, expected } of vectors<{ id: string, description: string, sequence: string[], expected: string[] }>('digest-nc-sequences')) {
    if (id === 'NC-5') continue // nc 0 is malformed: it comes no further than the parameters
    const window = new ReplayWindow(256)
    t.same(sequence.map((nc) => said[window.mark(parseInt(nc, 16))]), expected, `${id}: ${description}`)
  }
})

t.test('numbers in any order, near and far: they are judged as by a list of all numbers (R-DIG-33)', async () => {
  const near = fc.integer({ min: 1, max: 300 })
  const step = fc.oneof(near, near, fc.integer({ min: 1, max: 2 ** 32 - 1 }), fc.constantFrom(1, 2, 31, 32, 33, 63, 64, 65, 2 ** 32 - 1, 2 ** 31, 2 ** 31 + 1))
  fc.assert(fc.property(fc.constantFrom(32, 64, 256), fc.array(step, { maxLength: 200 }), (size, numbers) => {
    const [window, naive] = [new ReplayWindow(size), new Naive(size)]
    return numbers.every((n) => window.mark(n) === naive.mark(n))
  }), { numRuns: 500 })
})

t.test('200 in any order: each once, and no second time (R-DIG-34, S8)', async () => {
  const all = Array.from({ length: 200 }, (_, n) => n + 1)
  fc.assert(fc.property(fc.shuffledSubarray(all, { minLength: 200 }), (shuffled) => {
    const window = new ReplayWindow(256)
    return shuffled.every((n) => window.mark(n) === 'new') && all.every((n) => window.mark(n) === 'seen')
  }))
})

t.test('a jump to the end: the window moves with it, and nothing is opened again (S10)', async t => {
  const window = new ReplayWindow(32)
  for (const n of [1, 2, 3]) t.equal(window.mark(n), 'new')
  t.equal(window.mark(0xffffffff), 'new')
  t.equal(window.mark(0xffffffff), 'seen')
  for (const n of [1, 2, 3, 4, 0xffffffff - 32]) t.equal(window.mark(n), 'below window')
  t.equal(window.mark(0xffffffff - 31), 'new')
  t.equal(window.mark(0xffffffff - 31), 'seen')
})
