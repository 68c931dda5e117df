import { EventEmitter, once } from 'node:events'
import t from 'tap'
import { RepeatableContent, MAX_KEPT } from '../../../../lib/proxy/parent/absolute/repeatable-content.js'
import { Shares } from '../../../../lib/store/shares.js'

const room = () => new Shares(4 * MAX_KEPT, 2 * MAX_KEPT)

async function * chunksOf (...chunks: Array<string | Buffer>): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield Buffer.from(chunk as Buffer)
}

async function read (pass: AsyncGenerator<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of pass) text += String(chunk)
  return text
}

t.test('content that is read twice: it is the same, and its end is noted each time', async t => {
  const content = new RepeatableContent(chunksOf('a', 'b'), room(), 'alice')
  t.equal(content.hasBegun, false)
  for (let i = 0; i < 2; i++) {
    const sent: { endedAt?: number } = {}
    t.equal(await read(content.from(sent)), 'ab')
    t.type(sent.endedAt, 'number')
    t.strictSame([content.hasBegun, content.isKept], [true, true])
  }
})

t.test('a pass that was left in the middle: the next has all, and the first no more', async t => {
  const content = new RepeatableContent(chunksOf('a', 'b', 'c'), room(), 'alice')
  const first = content.from({})
  t.equal(String((await first.next()).value), 'a')
  t.equal(await read(content.from({})), 'abc')
  t.match(await first.next(), { done: true })
})

t.test('a pass that waits for what is to come: what comes is the next one\'s', async t => {
  for (const size of [1, MAX_KEPT + 1]) {
    const client = new EventEmitter()
    async function * late () {
      yield Buffer.from('a')
      await once(client, 'more')
      yield Buffer.alloc(size, 'b')
    }
    const content = new RepeatableContent(late(), room(), 'alice')
    const first = content.from({})
    await first.next()
    const waiting = first.next()
    const second = read(content.from({}))
    await new Promise(resolve => { setImmediate(resolve) })
    client.emit('more')
    t.match(await waiting, { done: true })
    t.equal((await second).length, size + 1)
    t.equal(content.isKept, size === 1)
  }
})

t.test('content beyond the limit, or for which there is no room: it goes through once, and nothing is kept', async t => {
  const big = Buffer.alloc(MAX_KEPT, 'a')
  const full = room()
  full.take(2 * MAX_KEPT, 'alice')
  for (const [rooms, chunks] of [[room(), [big, 'b', 'c']], [full, ['a', 'b']]] as const) {
    const content = new RepeatableContent(chunksOf(...chunks), rooms, 'alice')
    const before = rooms.taken
    t.equal(await read(content.from({})), chunks.join(''))
    t.equal(content.isKept, false)
    t.equal(rooms.taken, before)
  }
})

t.test('content that need not be sent again: its room is free, and what is under way goes on', async t => {
  const rooms = room()
  const content = new RepeatableContent(chunksOf('a', 'b', 'c'), rooms, 'alice')
  const pass = content.from({})
  await pass.next()
  await pass.next()
  t.equal(rooms.taken, 2)
  content.release()
  t.equal(rooms.taken, 0)
  t.equal(await read(pass), 'c')
})

t.test('content that ends: its source is left, and so is a pass', async t => {
  let isLeft = false
  async function * source () {
    try {
      yield Buffer.from('a')
      yield Buffer.from('b')
    } finally {
      isLeft = true
    }
  }
  const rooms = room()
  const content = new RepeatableContent(source(), rooms, 'alice')
  const pass = content.from({})
  await pass.next()
  content.end()
  t.equal(rooms.taken, 0)
  t.match(await pass.next(), { done: true })
  t.equal(isLeft, true)
})

t.test('a source that fails: each pass does, and so may its end', async t => {
  async function * source () {
    try {
      yield Buffer.from('a')
      throw new Error('gone')
    } finally {
      throw new Error('gone for good') // eslint-disable-line no-unsafe-finally -- that is the case
    }
  }
  const content = new RepeatableContent(source(), room(), 'alice')
  for (let i = 0; i < 2; i++) await t.rejects(read(content.from({})), { message: 'gone for good' })
  content.end()
  const other = new RepeatableContent(source(), room(), 'alice')
  await other.from({}).next()
  other.end()
  await new Promise(resolve => { setImmediate(resolve) })
})
