import { spawn } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { TrafficLimit } from '../../../lib/policy/limits/limit.js'
import { Limits, createLimits } from '../../../lib/policy/limits/limits.js'
import type { LimitNote } from '../../../lib/policy/limits/limits.js'
import { readLimits } from '../../../lib/policy/limits/limits-options.js'
import type { LimitOptions, LimitStoreOptions } from '../../../lib/policy/limits/limits-options.js'
import type { Limited, LimitFailure } from '../../../lib/policy/limits/meter.js'
import { readSharedRedis } from '../../../lib/store/shared-redis.js'
import { fakeRedis } from '../../fixtures/fake-redis.js'
import { redis, startRedis } from '../../fixtures/redis.js'
import { newFile, sqlite } from '../../fixtures/sqlite.js'

const alice: Limited = { user: 'alice', groups: ['ci'], rule: null, kind: 'tunnel' }

async function made (limits: LimitOptions[], client?: Parameters<typeof readSharedRedis>[0], store?: LimitStoreOptions) {
  const notes: LimitNote[] = []
  const states: string[] = []
  const shared = client && readSharedRedis(client)
  const all = await createLimits(readLimits(limits, store)!, shared, { onLimited: note => notes.push(note), onStore: state => states.push(state) })
  const admit = async (who = alice, id = 'req-1') => {
    const failures: LimitFailure[] = []
    const exchange = await all.admit(who, id, failure => failures.push(failure))
    return { exchange, failures, meter: exchange.meter! }
  }
  return { all, admit, notes, states }
}

t.test('no limit holds a request: it is let in at once, without a meter', async t => {
  const { all } = await made([{ users: ['bob'], tunnels: 0 }])
  const exchange = all.admit(alice, 'req-1', () => {})
  t.ok('meter' in exchange)
  t.equal((exchange as { meter?: unknown }).meter, undefined)
  ;(exchange as { release (): void }).release()
  await all.close()
})

t.test('several limits: each has to let the request in, and what one has given is given back when another does not', async t => {
  const { admit, notes } = await made([{ name: 'all', by: 'all', tunnels: 2 }, { name: 'each', tunnels: 1 }])
  const tunnel = await admit()
  await t.rejects(admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', limit: 'each' })
  t.same(notes, [{ id: 'req-1', user: 'alice', limit: 'each', kind: 'tunnels', retryAfterMs: null, ended: false }])
  const bob = await admit({ ...alice, user: 'bob' }, 'req-2')
  await t.rejects(admit({ ...alice, user: 'carol' }, 'req-3'), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', limit: 'all' })
  t.match(notes.at(-1), { id: 'req-3', user: 'carol', limit: 'all' })
  tunnel.exchange.release()
  bob.exchange.release()
  await admit()
})

t.test('a rate, without a Redis: this process counts', async t => {
  const { admit } = await made([{ rate: { requests: 1, per: 60_000 } }])
  await admit()
  await t.rejects(admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'rate' })
})

t.test('a user whose name is spelled otherwise: it is the same user', async t => {
  const { admit, all } = await made([{ name: 'bob', users: ['Bo\u0308b'], groups: ['A\u0308'], tunnels: 1, quota: { octets: 5, per: 'day' } }])
  const bob: Limited = { ...alice, user: 'b\u00f6b', groups: ['\u00c4'] }
  await admit(bob)
  await t.rejects(admit({ ...bob, user: 'B\u00d6B', groups: ['A\u0308'] }), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'tunnels' })
  t.equal(all.left('BO\u0308B').length, 1)
})

t.test('a quota that is spent while an exchange runs: it is ended, and that is told', async t => {
  const { admit, notes, all } = await made([{ name: 'day', quota: { octets: 10, per: 'day' } }])
  t.same(all.left('alice'), [])
  const { exchange, meter, failures } = await admit()
  let moved = 0
  for (let i = 0; i < 50 && failures.length === 0; i++) {
    moved += meter.take('up', 5)
    if (moved < 10) meter.wait('up', 5, octets => { moved += octets })
    else meter.wait('up', 5, () => t.fail('never'))
    await setImmediate()
  }
  t.equal(moved, 10)
  t.match(failures, [{ code: 'FST_PROXY_AUTH_LIMIT_REACHED' }])
  t.match(notes, [{ id: 'req-1', user: 'alice', limit: 'day', kind: 'quota', ended: true }])
  t.ok(notes[0]!.retryAfterMs! > 0)
  exchange.release()
  t.match(all.left('alice'), [{ limit: 'day', octets: 10, left: 0, renews: Date }])
  t.same(all.left('bob'), [])
  await all.close()
})

t.test('what is left of quotas: it is known for so many users, those who came last', async t => {
  const account = (left: string) => ({ use () {}, enter: async () => {}, quota: { left: () => left } })
  const limit = { holds: () => true, accountsOf: ({ user }: Limited) => [account(user), { ...account(user), quota: undefined }] } as unknown as TrafficLimit
  const all = new Limits([limit], undefined as never, () => {})
  for (let i = 0; i < 10_002; i++) {
    await all.admit({ ...alice, user: `user ${i}` }, 'req-1', () => {})
    if (i === 5000) await all.admit({ ...alice, user: 'user 1' }, 'req-1', () => {})
  }
  t.same(['user 0', 'user 1', 'user 2', 'user 3', 'user 10001'].map(user => all.left(user)), [[], ['user 1'], [], ['user 3'], ['user 10001']])
})

t.test('a file for quotas: what is spent stays spent behind a restart', { skip: sqlite.skip }, async t => {
  const file = newFile(t)
  const limits: LimitOptions[] = [{ name: 'day', quota: { octets: 100, per: 'month' } }]
  const first = await made(limits, undefined, { file })
  const tunnel = await first.admit()
  t.equal(tunnel.meter.take('down', 1), 1)
  tunnel.exchange.release()
  await first.all.close()
  const second = await made(limits, fakeRedis(), { file })
  const { exchange } = await second.admit()
  t.match(second.all.left('alice'), [{ left: 99 }], 'of the file, though there is a Redis')
  exchange.release()
  await second.all.close()
})

const CHILD = `
import { writeSync } from 'node:fs'
import { createLimits } from './lib/policy/limits/limits.js'
import { readLimits } from './lib/policy/limits/limits-options.js'
const limits = readLimits([{ name: 'day', quota: { octets: 100_000, per: 'month' } }], { file: process.argv[1] })
const all = await createLimits(limits, undefined, { onLimited () {}, onStore () {} })
const { meter } = await all.admit({ user: 'alice', groups: [], rule: null, kind: 'tunnel' }, 'req-1', () => {})
let moved = 0
const go = octets => {
  moved += octets
  writeSync(1, moved + ' '.repeat(4000) + '\\n')
  meter.wait('up', 333, go)
}
meter.wait('up', 333, go)
`

t.test('a process that is killed with kill -9 while a quota is used: what it has moved stays counted, and no more is lost than it had set aside', { skip: sqlite.skip }, async t => {
  const file = newFile(t)
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  for await (const text of child.stdout!.setEncoding('utf8')) {
    said += text
    if (said.split('\n').length > 50) child.kill('SIGKILL') // the lines are long: it cannot write many before they are read
  }
  const before = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
  t.ok(before > 10_000 && before < 100_000, `${before}`)
  const { all, admit } = await made([{ name: 'day', quota: { octets: 100_000, per: 'month' } }], undefined, { file })
  const { meter, failures, exchange } = await admit()
  let moved = before
  const go = (octets: number) => {
    moved += octets
    meter.wait('up', 1000, go)
  }
  meter.wait('up', 1000, go)
  while (failures.length === 0) await setImmediate()
  t.ok(moved <= 100_000 && moved >= 99_000, `${moved}`)
  exchange.release()
  await all.close()
})

t.test('a file that fails: the requests are refused, and that is told', { skip: sqlite.skip }, async t => {
  const { all, admit, states, notes } = await made([{ quota: { octets: 100, per: 'day' } }], undefined, { file: newFile(t) })
  await all.close()
  await t.rejects(admit(), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  t.same([states, notes], [['failed'], []])
})

t.test('a Redis that is away: the requests are refused, or go on uncounted', async t => {
  const client = fakeRedis({ status: 'reconnecting' })
  const limits: LimitOptions[] = [{ tunnels: 1, rate: { requests: 1, per: 1000 }, quota: { octets: 1, per: 'day' }, bandwidth: { up: 1_000_000 } }]
  const refusing = await made(limits, client)
  await t.rejects(refusing.admit(), { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' })
  t.same(refusing.states, ['failed'])
  const allowing = await made(limits, client, { whenFailing: 'allow' })
  const { meter, exchange } = await allowing.admit()
  t.ok(meter.take('down', 1000) === 1000)
  await t.rejects(allowing.admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'tunnels' }, 'but for what the process can count itself')
  exchange.release()
  for (const { all } of [refusing, allowing]) await all.close()
})

t.test('two processes with a Redis: they share tunnels, rates, quotas and bandwidth', { skip: redis.skip }, async t => {
  const { client } = await startRedis(t)
  const make = async (limits: LimitOptions[]) => [await made(limits, await client()), await made(limits, await client())] as const
  for (const [limit, kind] of [[{ name: 'a', tunnels: 1 }, 'tunnels'], [{ name: 'b', rate: { requests: 1, per: 60_000 } }, 'rate']] as const) {
    const [one, other] = await make([limit])
    await one.admit()
    await t.rejects(other.admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind })
  }
  const [one, other] = await make([{ name: 'c', quota: { octets: 1, per: 'day' } }])
  t.equal((await one.admit()).meter.take('up', 1), 1)
  await t.rejects(other.admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'quota' })
  const [first, second] = await make([{ name: 'd', bandwidth: { up: 20 } }])
  const moved: string[] = []
  ;(await first.admit()).meter.wait('up', 1, () => moved.push('first'))
  while (moved.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  t.equal((await second.admit()).meter.take('up', 1), 0)
  const names = await (await client()).keys('*')
  for (const name of names) t.ok(name.startsWith('{fastify-proxy-auth}:v1:limits:'), name)
  for (const { all } of [one, other, first, second]) await all.close()
})

t.test('a Redis that is full, has lost its data, or is gone: requests are refused or counted anew, and it is asked again by itself', { skip: redis.skip }, async t => {
  const { client, stop } = await startRedis(t)
  const operator = await client()
  const { all, admit, states } = await made([{ name: 'day', tunnels: 2, quota: { octets: 100, per: 'day' } }], await client(), { timeout: 20_000 })
  const refused = { code: 'FST_PROXY_AUTH_LIMIT_STORE_FAILED' }
  const admitted = async () => {
    for (;;) {
      try { return await admit() } catch { await new Promise(resolve => setTimeout(resolve, 20)) }
    }
  }
  await operator.config('SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction')
  await t.rejects(admit(), refused)
  await operator.config('SET', 'maxmemory', '0')
  const first = await admitted()
  t.same(states, ['failed', 'recovered'])
  await operator.flushall()
  while (await operator.exists('{fastify-proxy-auth}:v1:limits:places:day:alice:tunnels') === 0) await new Promise(resolve => setTimeout(resolve, 20))
  const second = await admit()
  await t.rejects(admit(), { code: 'FST_PROXY_AUTH_LIMIT_REACHED', kind: 'tunnels' }, 'the place from before is known again')
  await stop()
  first.exchange.release()
  await t.rejects(admit(), refused)
  t.same(states, ['failed', 'recovered', 'failed'])
  second.exchange.release()
  await all.close()
})
