import t from 'tap'
import { isLastRefusal } from '../../../lib/gate/chain/wrong-credentials.js'
import type { Refused } from '../../../lib/passport/outcome.js'

const REJECTED = { reason: 'rejected', note: null } as const
const note = (guess: boolean) => ({ reason: 'x', userId: null, guess })

t.test('the tenth refusal of wrong credentials on a connection: the last, and so is each after it (F-9)', async t => {
  const socket = {}
  const last = Array.from({ length: 12 }, () => isLastRefusal({ socket } as never, REJECTED))
  t.strictSame(last, [...new Array<boolean>(9).fill(false), true, true, true])
  t.equal(isLastRefusal({ socket: {} } as never, REJECTED), false, 'another connection')
})

t.test('other refusals: do not count (F-9)', async t => {
  const socket = {}
  const others: Array<Pick<Refused, 'reason' | 'note'>> = [
    { reason: 'missing', note: null }, { reason: 'not offered', note: null }, { reason: 'continued', note: null },
    { reason: 'forbidden', note: null }, { reason: 'rejected', note: note(false) }
  ]
  for (let i = 0; i < 20; i++) for (const refused of others) t.equal(isLastRefusal({ socket } as never, refused), false)
  t.equal(isLastRefusal({ socket } as never, { reason: 'rejected', note: note(true) }), false)
})

t.test('wrong ones that are no guess, as a ticket that does not verify: count (F-9)', async t => {
  const socket = {}
  const last = Array.from({ length: 10 }, () => isLastRefusal({ socket } as never, { reason: 'rejected', note: { ...note(false), wrong: true } }))
  t.strictSame(last, [...new Array<boolean>(9).fill(false), true])
})

t.test('a session of HTTP/2: takes no more streams behind the tenth (F-9)', async t => {
  let closed = 0
  const session = { close: () => { closed += 1 } }
  for (let i = 0; i < 10; i++) t.equal(isLastRefusal({ socket: {}, stream: { session } } as never, REJECTED), false)
  t.equal(closed, 1)
  const socket = {}
  for (let i = 0; i < 10; i++) t.equal(isLastRefusal({ socket, stream: {} } as never, REJECTED), false, 'a stream that has lost its session')
})
