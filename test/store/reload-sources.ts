import t from 'tap'
import { reloadSources } from '../../lib/store/reload-sources.js'

const source = (said: unknown = undefined) => {
  const asked = { times: 0 }
  return { asked, verify: Object.assign(() => null, { reload: () => { asked.times++; return said } }) }
}

t.test('sources with a method reload: each is asked once, as a method, now or later', async t => {
  const [now, later] = [source(), source(Promise.resolve())]
  class Directory {
    asked = 0
    reload () { this.asked++ }
  }
  const directory = new Directory()
  t.equal(await reloadSources(now.verify, later.verify, undefined, null, () => null, { reload: 7 }, directory), undefined)
  t.strictSame([now.asked.times, later.asked.times, directory.asked], [1, 1, 1])
  t.equal(await reloadSources(now.verify, Object.assign(() => null, { reload: now.verify.reload })), undefined)
  t.equal(now.asked.times, 2, 'one that two share is asked once')
})

t.test('sources that have nothing to read: the whole has nothing', async t => {
  t.equal(await reloadSources(), false)
  t.equal(await reloadSources(() => null, undefined, source(false).verify, source(Promise.resolve(false)).verify), false)
  t.equal(await reloadSources(source(false).verify, source().verify), undefined)
})

t.test('a source that fails: the others are asked, and its reason is thrown', async t => {
  const wrong = (message: string) => ({ reload () { throw new Error(message) } })
  const right = source()
  await t.rejects(reloadSources(wrong('one'), right.verify), { message: 'one' })
  t.equal(right.asked.times, 1)
  await t.rejects(reloadSources(wrong('one'), right.verify, { reload: async () => { throw new Error('two') } }), {
    name: 'AggregateError', errors: [{ message: 'one' }, { message: 'two' }]
  })
  t.equal(right.asked.times, 2)
})
