import t from 'tap'
import { Moved } from '../../lib/metrics/moved.js'

/** What is told, as `name direction octets`, without nothing. */
function told (moved: Moved, live: Parameters<Moved['tell']>[0] = []): string[] {
  const lines: string[] = []
  moved.tell(live, (name, direction, octets) => { if (octets > 0) lines.push(`${name} ${direction} ${octets}`) })
  return lines
}

t.test('what has ended and what is under way: each octet is told once', async t => {
  const moved = new Moved()
  moved.add('http', { bytesIn: 1, bytesOut: 2 })
  t.strictSame(told(moved, [['connect', { bytesIn: 10, bytesOut: 0 }], ['connect', { bytesIn: 1, bytesOut: 5 }], ['connect', undefined]]),
    ['http in 1', 'http out 2', 'connect in 11', 'connect out 5'])
  t.strictSame(told(moved, [['connect', { bytesIn: 12, bytesOut: 5 }]]), ['connect in 1'])
  moved.add('connect', { bytesIn: 14, bytesOut: 5 })
  t.strictSame(told(moved), ['connect in 2'])
  t.strictSame(told(moved), [])
})

t.test('less than was told: nothing is told until there is more again', async t => {
  const moved = new Moved()
  t.strictSame(told(moved, [['connect', { bytesIn: 10, bytesOut: 0 }]]), ['connect in 10'])
  t.strictSame(told(moved), [])
  moved.add('connect', { bytesIn: 11, bytesOut: 0 })
  t.strictSame(told(moved), ['connect in 1'])
})
