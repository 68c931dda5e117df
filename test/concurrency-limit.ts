import t from 'tap'
import { ConcurrencyLimit } from '../lib/concurrency-limit.js'

/** Work that ends when it is told to. */
function work<Result = string> () {
  let end!: (result: Result) => void
  let fail!: (cause: Error) => void
  const self = {
    begun: false,
    end: (result: Result) => end(result),
    fail: (cause: Error) => fail(cause),
    start: () => {
      self.begun = true
      return new Promise<Result>((resolve, reject) => { end = resolve; fail = reject })
    }
  }
  return self
}

const BUSY = { code: 'FST_PROXY_AUTH_VERIFIER_BUSY', statusCode: 503 }

t.test('work that returns at once: it takes no turn', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 0 })
  const slow = work()
  t.equal(turns.take(() => 'now'), 'now')
  t.equal(turns.take(() => null), null)
  t.throws(() => turns.take(() => { throw new Error('broken') }), { message: 'broken' })
  t.same(turns.load, { running: 0, waiting: 0 })
  const pending = turns.take(slow.start)
  slow.end('later')
  t.equal(await pending, 'later')
  await null
  t.same(turns.load, { running: 0, waiting: 0 })
})

t.test('more work than may run at a time: the rest begins in order, whether earlier work succeeds or fails', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 2, queue: 10 })
  const jobs = Array.from({ length: 5 }, () => work())
  const results = jobs.map(async job => await turns.take(job.start)).map(async result => await result.catch(cause => (cause as Error).message))
  await null
  t.same(turns.load, { running: 2, waiting: 3 })
  t.strictSame(jobs.map(({ begun }) => begun), [true, true, false, false, false])
  jobs[1]!.fail(new Error('broken'))
  t.equal(await results[1], 'broken')
  t.strictSame(jobs.map(({ begun }) => begun), [true, true, true, false, false])
  jobs[2]!.end('third')
  jobs[0]!.end('first')
  t.strictSame(await Promise.all([results[0], results[2]]), ['first', 'third'])
  t.same(turns.load, { running: 2, waiting: 0 })
  jobs[3]!.end('')
  jobs[4]!.end('')
  await Promise.all(results)
  t.same(turns.load, { running: 0, waiting: 0 })
})

t.test('waiting work that turns out to return at once: the next begins', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 10 })
  const slow = work()
  const all = [turns.take(slow.start), turns.take(() => 'at once'), turns.take(() => { throw new Error('broken') }), turns.take(() => 'last')]
  const settled = Promise.allSettled(all)
  slow.end('')
  t.match(await settled, [{ value: '' }, { value: 'at once' }, { reason: { message: 'broken' } }, { value: 'last' }])
})

t.test('work for a full queue: it is refused with 503 and the time to wait', async t => {
  let now = 0
  const turns = new ConcurrencyLimit({ concurrency: 2, queue: 3, clock: () => now })
  const fill = () => Array.from({ length: 5 }, () => { const job = work(); return { ...job, job, result: turns.take(job.start) } })
  const first = fill()
  t.throws(() => turns.take(() => 'x'), { ...BUSY, headers: { 'retry-after': '1' } }, 'nobody knows how long')
  now += 16_000
  for (const { job, result } of first) { job.end(''); await result }
  const second = fill()
  // Two took 16 s, then three no time: an eighth of each counts, so one takes 2.5 s, and there are two turns to wait for.
  t.throws(() => turns.take(() => 'x'), { ...BUSY, headers: { 'retry-after': '6' } })
  for (let i = 0; i < 30; i++) now += 200_000
  for (const { job, result } of second) { job.end(''); await result }
  const third = fill()
  t.throws(() => turns.take(() => 'x'), { ...BUSY, headers: { 'retry-after': '60' } })
  for (const { job, result } of third) { job.end(''); await result }
})

t.test('urgent work: it goes first, and is accepted even if the queue is full', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 1 })
  const slow = work()
  const order: string[] = []
  const all = [
    turns.take(slow.start),
    turns.take(() => order.push('waits')),
    turns.take(() => order.push('urgent'), { urgent: true }),
    turns.take(() => order.push('more urgent'), { urgent: true })
  ]
  t.throws(() => turns.take(() => 0), { code: 'FST_PROXY_AUTH_VERIFIER_BUSY' })
  slow.end('')
  await Promise.all(all)
  t.strictSame(order, ['more urgent', 'urgent', 'waits'])
})

t.test('work that has waited too long: it is refused as busy', async t => {
  let now = 0
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 10, maxWait: 1000, clock: () => now })
  const slow = work()
  const running = turns.take(slow.start)
  const { signal } = new AbortController()
  const [old, other] = [turns.take(() => t.fail(), { signal }), turns.take(() => t.fail())].map(async each => await each)
  now += 1
  const young = turns.take(() => 'young')
  now += 1000
  slow.end('')
  await running
  await t.rejects(old!, { code: 'FST_PROXY_AUTH_VERIFIER_BUSY' })
  await t.rejects(other!, { code: 'FST_PROXY_AUTH_VERIFIER_BUSY' })
  t.equal(await young, 'young')
})

t.test('a client that leaves: its waiting work is dropped, work that has begun goes on', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 10 })
  const slow = work()
  const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()]
  const running = turns.take(slow.start, { get signal (): AbortSignal { return t.fail('not looked at') as never } })
  const first = turns.take(() => t.fail(), { signal: one.signal })
  const second = turns.take(() => 'second', { signal: two.signal })
  one.abort(new Error('left'))
  await t.rejects(Promise.resolve(first), { message: 'left' })
  t.same(turns.load, { running: 1, waiting: 1 })
  three.abort(new Error('left before'))
  await t.rejects(Promise.resolve(turns.take(() => t.fail(), { signal: three.signal })), { message: 'left before' })
  slow.end('')
  await running
  t.equal(await second, 'second')
  two.abort()
  t.same(turns.load, { running: 0, waiting: 0 })
})

t.test('much work from one place: the places still take turns (F-23)', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 100 })
  const slow = work()
  const order: string[] = []
  const from = (place: string | undefined, name: string) => turns.take(() => order.push(name), { from: place })
  const all = [turns.take(slow.start, { from: 'a' }), ...['a1', 'a2', 'a3'].map(name => from('a', name)), from('b', 'b1'), from(undefined, 'x1'), from('b', 'b2')]
  slow.end('')
  await Promise.all(all)
  t.strictSame(order, ['a1', 'b1', 'x1', 'a2', 'b2', 'a3'])
  t.same(turns.load, { running: 0, waiting: 0 })
})

t.test('a full queue: the last of the longest line gives way to a place with fewer (F-23)', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 3 })
  const slow = work()
  const order: string[] = []
  const from = async (place: string, name: string) => await turns.take(() => order.push(name), { from: place })
  const running = turns.take(slow.start, { from: 'a' })
  const [a1, a2, a3] = ['a1', 'a2', 'a3'].map(name => from('a', name).catch(({ code }: { code: string }) => code))
  await t.rejects(from('a', 'a4'), BUSY)
  const b1 = from('b', 'b1')
  t.equal(await a3, BUSY.code)
  await t.rejects(from('b', 'b2'), BUSY, 'which would have as many as a')
  await t.rejects(from('a', 'a5'), BUSY)
  slow.end('')
  await Promise.all([running, a1, a2, b1])
  t.strictSame(order, ['a1', 'b1', 'a2'])
})

t.test('a place whose only waiting client leaves: nothing is kept of it (F-23)', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 2 })
  const slow = work()
  const running = turns.take(slow.start)
  const one = new AbortController()
  const left = Promise.resolve(turns.take(() => t.fail(), { from: 'a', signal: one.signal }))
  one.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  const last = turns.take(() => 'last', { from: 'a' })
  slow.end('')
  await running
  t.equal(await last, 'last')
  t.same(turns.load, { running: 0, waiting: 0 })
})

t.test('urgent work whose client leaves: it waits no longer', async t => {
  const turns = new ConcurrencyLimit({ concurrency: 1, queue: 0 })
  const slow = work()
  const running = turns.take(slow.start)
  const one = new AbortController()
  const left = Promise.resolve(turns.take(() => t.fail(), { urgent: true, signal: one.signal }))
  const other = turns.take(() => 'other', { urgent: true })
  one.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  slow.end('')
  await running
  t.equal(await other, 'other')
  t.same(turns.load, { running: 0, waiting: 0 })
})
