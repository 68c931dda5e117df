import t from 'tap'
import { ConnectionRefused, NoParent, ParentRefused, ParentUnreachable } from '../../../lib/errors.js'
import type { Eventual } from '../../../lib/eventual.js'
import type { Hop } from '../../../lib/policy/parent/parent.js'
import { takeWays } from '../../../lib/proxy/parent/take-ways.js'

const WAYS = [{ name: 'one' }, { name: 'two' }, 'direct'] as unknown as Hop[]

/** Walks, with what each way does in turn: nothing, or a failure before it is taken (thrown), while it is (rejected), or told later. */
async function walk (ways: readonly Hop[], ...does: Array<{ thrown?: Error, rejected?: Error, told?: Error }>): Promise<{ taken: unknown[], failed: unknown }> {
  const taken: unknown[] = []
  let failed: unknown
  const begin = async (next: () => Eventual<void>): Promise<void> => {
    try {
      await next()
    } catch (failure) {
      failed = failure
    }
  }
  const begun: Array<Promise<void>> = []
  const journey = {
    begin: (next: () => Eventual<void>) => { begun.push(begin(next)) },
    take (hop: Hop, otherwise?: (failure: Error) => void): Eventual<void> {
      const { thrown, rejected, told } = does[taken.length]!
      taken.push(hop)
      if (thrown !== undefined) throw thrown
      if (rejected !== undefined) return Promise.reject(rejected)
      if (told !== undefined) otherwise!(told)
      return undefined
    }
  }
  journey.begin(() => takeWays(ways, journey))
  for (let i = 0; i < begun.length; i++) await begun[i]
  return { taken, failed }
}

t.test('a way that takes the request: no other is asked', async t => {
  t.strictSame(await walk(WAYS, {}), { taken: WAYS.slice(0, 1), failed: undefined })
})

t.test('ways that fail before they are reached: the next is taken, however they tell', async t => {
  t.strictSame(await walk(WAYS, { told: new ParentUnreachable() }, { rejected: new ConnectionRefused() }, {}), { taken: WAYS, failed: undefined })
})

t.test('all ways fail: the failure of the first is the response', async t => {
  const first = new ParentUnreachable()
  t.strictSame(await walk(WAYS.slice(0, 2), { told: first }, { rejected: new ConnectionRefused() }), { taken: WAYS.slice(0, 2), failed: first })
})

t.test('a refusal: it is the response, and no other way is tried', async t => {
  for (const refused of [new ParentRefused(), new NoParent()]) {
    t.strictSame(await walk(WAYS, { rejected: refused }), { taken: WAYS.slice(0, 1), failed: refused })
    t.strictSame(await walk(WAYS, { thrown: refused }), { taken: WAYS.slice(0, 1), failed: refused })
  }
})

t.test('the only way: what it fails with is the response', async t => {
  const failure = new ParentUnreachable()
  t.strictSame(await walk(WAYS.slice(0, 1), { rejected: failure }), { taken: WAYS.slice(0, 1), failed: failure })
})
