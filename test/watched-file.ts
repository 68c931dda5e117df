import * as promises from 'node:fs/promises'
import { appendFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { openWatchedFile } from '../lib/watched-file.js'
import type { WatchedFileOptions } from '../lib/watched-file.js'
import { mocked } from './fixtures/mocked.js'

/** A file whose accounts are its lines. */
function create (t: Test, text: string, options: WatchedFileOptions = {}) {
  const path = join(t.testdir({}), 'users')
  writeFileSync(path, text)
  const time = { now: 0 }
  const problems: Error[] = []
  const parse = (text: string): string[] => {
    if (text.includes('canary')) throw new Error('a line that is none')
    return text.split('\n')
  }
  const file = openWatchedFile(path, parse, { clock: () => time.now, log: problem => problems.push(problem), ...options })
  t.teardown(() => file.close())
  return { path, time, problems, file }
}

/** Makes a file one that has been written just now, be it looked at however late. */
function beYoung (path: string): void {
  const ahead = new Date(Date.now() + 60_000)
  utimesSync(path, ahead, ahead)
}

/** Writes to a file as if it were just before each look. */
function append (path: string): void {
  appendFileSync(path, 'x')
  beYoung(path)
}

t.test('a change of the file: is seen at the next look after the interval, and nothing is read before', async t => {
  const { path, time, file } = create(t, 'alice', { interval: 500 })
  appendFileSync(path, '\nbob')
  time.now += 499
  t.same(file.read(), ['alice'], 'at once: nobody has looked')
  time.now += 1
  const [first, second] = [file.read(), file.read()]
  t.ok(first instanceof Promise && second instanceof Promise, 'both wait for one look')
  t.same(file.latest, ['alice'], 'what is known without a look')
  t.same(await first, ['alice', 'bob'])
  t.same(file.latest, ['alice', 'bob'])
  t.equal(await second, await first)
  t.notOk(file.read() instanceof Promise)
  time.now += 500
  t.equal(await file.read(), await first, 'nothing new')
  writeFileSync(`${path}.new`, 'carol')
  renameSync(`${path}.new`, path)
  time.now += 500
  t.same(await file.read(), ['carol'], 'as a whole')
  writeFileSync(path, 'dave')
  time.now -= 500
  t.same(await file.read(), ['dave'], 'whichever way the clock goes')
})

t.test('a change of the same length within one tick of the clock: is seen', async t => {
  const { path, time, file } = create(t, 'alice')
  utimesSync(path, 1, 1)
  time.now += 1000
  t.same(await file.read(), ['alice'])
  const { ctimeNs } = statSync(path, { bigint: true })
  do { // a tick of some systems is longer than a look
    writeFileSync(path, 'carol')
    utimesSync(path, 1, 1)
  } while (statSync(path, { bigint: true }).ctimeNs === ctimeNs)
  time.now += 1000
  t.same(await file.read(), ['carol'])
})

t.test('a file that cannot be read or parsed: changes nothing, and is logged once', async t => {
  const { path, time, problems, file } = create(t, 'alice')
  const look = async () => { time.now += 1000; return await file.read() }
  rmSync(path)
  t.same([await look(), await look()], [['alice'], ['alice']])
  t.match(problems.splice(0), [{ code: 'ENOENT' }])
  writeFileSync(path, 'canary')
  t.same([await look(), await look()], [['alice'], ['alice']])
  t.match(problems.splice(0), [{ message: 'a line that is none' }])
  rmSync(path)
  t.same([await look(), await look()], [['alice'], ['alice']])
  t.equal(problems.splice(0).length, 1)
  writeFileSync(path, 'bob')
  t.same(await look(), ['bob'], 'mended')
  t.equal(problems.length, 0)
})

t.test('a file that cannot be read, with no logger: changes nothing', async t => {
  const { path, time, file } = create(t, 'alice', { log: undefined as never })
  rmSync(path)
  time.now += 1000
  t.same(await file.read(), ['alice'])
})

t.test('a file that is closed: the accounts that have been read stay', async t => {
  const { path, time, file } = create(t, 'alice', { interval: 0 })
  const pending = file.read()
  await file.close()
  t.same(await pending, ['alice'])
  writeFileSync(path, '')
  time.now += 1000
  t.same(file.read(), ['alice'])
})

t.test('reload: the file is read now, and what is wrong with it is thrown', async t => {
  const { path, problems, file } = create(t, 'alice', { interval: 1_000_000 })
  t.same(await file.reload(), ['alice'])
  writeFileSync(path, 'bob')
  t.same(file.read(), ['alice'], 'it is not looked at yet')
  const [first, second] = await Promise.all([file.reload(), file.reload()])
  t.same([first, second, file.latest], [['bob'], ['bob'], ['bob']])
  writeFileSync(path, 'canary')
  for (let time = 0; time < 2; time++) await t.rejects(file.reload(), { message: 'a line that is none' })
  rmSync(path)
  await t.rejects(file.reload(), { code: 'ENOENT' })
  t.same(file.read(), ['bob'])
  t.same(problems, [], 'its caller knows')
  writeFileSync(path, 'carol')
  t.same(await file.reload(), ['carol'])
})

t.test('reload of a file that is being looked at: it waits, and reads it once more', async t => {
  const { path, file } = create(t, 'alice', { interval: 0 })
  writeFileSync(path, 'bob')
  const looking = file.read()
  t.same(await file.reload(), ['bob'])
  t.same(await looking, ['bob'])
})

t.test('a file that is closed while it is read at once: it is closed when that is over, whatever comes of it', async t => {
  for (const text of ['bob', 'canary']) {
    const { path, file } = create(t, 'alice', { interval: 1_000_000 })
    writeFileSync(path, text)
    let isOver = false
    const reloading = file.reload().then(() => { isOver = true }, () => { isOver = true })
    await file.close()
    t.ok(isOver, text)
    await reloading
  }
})

t.test('a file that is being written at each look: after a few that is logged, once, and it is taken over in the end', async t => {
  let write = (): void => {}
  const { openWatchedFile: open } = await mocked<typeof import('../lib/watched-file.js')>(t, 'lib/watched-file.js', {
    'node:timers/promises': { setTimeout: async () => { write() } }
  })
  const path = join(t.testdir({ users: 'alice' }), 'users')
  const problems: Error[] = []
  const file = open(path, text => text, { interval: 0, log: problem => problems.push(problem) })
  write = () => { append(path) }
  write()
  for (let looks = 0; looks < 9; looks++) await file.read()
  t.strictSame(problems, [])
  for (let looks = 0; looks < 3; looks++) await file.read()
  t.match(problems, [{ message: 'the file is being written all the time' }])
  t.equal(problems.length, 1)
  t.equal(file.latest, 'alice')
  write = () => {}
  t.equal(await file.read(), `alice${'x'.repeat(13)}`)
})

t.test('reload of a file that is written again and again: it is given up', async t => {
  let write = (): void => {}
  let waits = 0
  const { openWatchedFile: open } = await mocked<typeof import('../lib/watched-file.js')>(t, 'lib/watched-file.js', {
    'node:timers/promises': { setTimeout: async () => { waits++; write() } }
  })
  const path = join(t.testdir({ users: 'alice' }), 'users')
  const file = open(path, text => text)
  write = () => { if (waits < 4) append(path) }
  append(path)
  t.equal(await file.reload(), 'alicexxxx', 'a few times are waited for')
  write = () => { append(path) }
  append(path)
  await t.rejects(file.reload(), { message: 'the file is being written all the time' })
  t.equal(file.latest, 'alicexxxx')
})

t.test('a file that is none, or wrong options: the boot fails', async t => {
  const path = join(t.testdir({}), 'missing')
  t.throws(() => openWatchedFile(path, text => text), { code: 'ENOENT' })
  t.throws(() => openWatchedFile(dirname(path), text => text), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /the name of a regular file/ })
  for (const [path, options] of [[7, {}], ['x', { interval: -1 }], ['x', { interval: 'x' }], ['x', { intervall: 1 }], ['x', { timeout: 0 }]] as const) {
    t.throws(() => openWatchedFile(path as string, text => text, options as object), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
  t.same(openWatchedFile(join(t.testdir({ users: 'x' }), 'users'), text => text).read(), 'x', 'the options may be left out')
})

t.test('a file that is still being written: is left for the next look', async t => {
  let write = (): void => {}
  const { openWatchedFile: open } = await mocked<typeof import('../lib/watched-file.js')>(t, 'lib/watched-file.js', {
    'node:fs/promises': {
      ...promises,
      async open (path: string) {
        const file = await promises.open(path)
        const readFile = async (): Promise<Buffer> => {
          const octets = await file.readFile()
          write()
          return octets
        }
        return { stat: file.stat.bind(file), close: file.close.bind(file), readFile }
      }
    }
  })
  const path = join(t.testdir({}), 'users')
  writeFileSync(path, 'alice')
  const file = open(path, text => text, { interval: 0 })
  writeFileSync(path, '')
  write = () => { appendFileSync(path, 'bob') }
  t.equal(await file.read(), 'alice', 'half a file is no file')
  write = () => {}
  t.equal(await file.read(), 'bob')
})

t.test('a file is emptied, and written some time later: what is between is not taken over', async t => {
  let waits = 0
  let write = () => {}
  const { openWatchedFile: open } = await mocked<typeof import('../lib/watched-file.js')>(t, 'lib/watched-file.js', {
    'node:timers/promises': { setTimeout: async () => { waits += 1; write() } }
  })
  const path = join(t.testdir({ users: 'alice' }), 'users')
  const file = open(path, text => text, { interval: 0 })
  writeFileSync(path, '')
  beYoung(path)
  write = () => writeFileSync(path, 'bob')
  t.equal(await file.read(), 'alice')
  t.equal(waits, 1)
  write = () => {}
  t.equal(await file.read(), 'bob')

  writeFileSync(path, 'carol')
  utimesSync(path, new Date(), new Date(Date.now() - 60_000))
  const before = waits
  t.equal(await file.read(), 'carol')
  t.equal(waits, before, 'one that is old enough is taken at once')
})

t.test('a file system that does not answer: the old accounts stay, and close does not wait for it (F-65)', async t => {
  let hangs = true
  let go!: () => void
  let looks = 0
  const { openWatchedFile: open } = await mocked<typeof import('../lib/watched-file.js')>(t, 'lib/watched-file.js', {
    'node:fs/promises': {
      ...promises,
      async stat (path: string, options: { bigint: true }) {
        looks += 1
        if (hangs) await new Promise<void>(resolve => { go = resolve })
        return await promises.stat(path, options)
      }
    }
  })
  const path = join(t.testdir({ users: 'alice' }), 'users')
  const problems: Error[] = []
  const file = open(path, text => text, { interval: 0, timeout: 20, log: problem => { problems.push(problem) } })
  writeFileSync(path, 'bob')
  t.equal(await file.read(), 'alice')
  t.match(problems, [{ message: 'the file was not read within 20 ms' }])
  t.equal(file.read(), 'alice', 'nobody waits for it again')
  t.equal(looks, 1, 'nor does another thread')
  await t.rejects(file.reload(), { message: 'an earlier look at the file has no end' })
  hangs = false
  go()
  await new Promise(resolve => setImmediate(resolve))
  while (await file.read() !== 'bob') await new Promise(resolve => setImmediate(resolve))
  hangs = true
  const pending = file.read()
  await file.close()
  t.equal(await pending, 'bob')
  go()
})

t.test('a byte order mark at the start: is skipped (F-11)', async t => {
  const path = join(t.testdir({ users: '\ufeffalice' }), 'users')
  const file = openWatchedFile(path, text => text, { interval: 0 })
  t.equal(await file.read(), 'alice')
  writeFileSync(path, '\ufeffbob\n\ufeff')
  t.equal(await file.read(), 'bob\n\ufeff', 'only at the start')
})
