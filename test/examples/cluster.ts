// The examples with several processes.
import t from 'tap'
import { atBest } from '../fixtures/at-best.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { startExample } from '../fixtures/example.js'
import { message } from '../fixtures/forms.js'
import type { Surroundings } from '../fixtures/forms.js'
import type { Line } from '../fixtures/log.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { RawClient } from '../fixtures/raw-client.js'
import { redis, startRedis } from '../fixtures/redis.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

t.test('cluster.mjs: both workers serve one port, and one that is killed is replaced', { skip: curl.skip }, async t => {
  const target = await origin(t)
  const { lines: [line], output } = await startExample(t, 'cluster', { env: { WORKERS: '2', SPECIAL: target.authority }, target: target.url })
  /** The workers that have written such a line to the log. */
  const workers = (text: string) => new Set([...output().matchAll(new RegExp(`"pid":(\\d+),.*${text}`, 'g'))].map(([, pid]) => Number(pid)))
  await until(() => workers('Server listening').size === 2)
  // Which of them takes a connection is for the kernel to say.
  while (workers('"proxied"').size < 2) {
    const pasted = await Promise.all(Array.from({ length: 4 }, () => paste(t, line!)))
    t.strictSame(pasted, Array.from({ length: 4 }, () => ({ status: '200', body: 'origin' })))
  }
  t.equal((await paste(t, line!.replace('alice-secret', 'wrong'))).status, '407')
  const [first] = workers('Server listening')
  process.kill(first!, 'SIGKILL')
  await until(() => workers('Server listening').size === 3)
  t.same(await paste(t, line!), { status: '200', body: 'origin' })
})

/** Several at a time: of those that come one by one, the kernel may give each to the same worker. */
async function together<Result> (send: () => Promise<Result>): Promise<Result[]> {
  return await Promise.all(Array.from({ length: 8 }, send))
}

t.test('cluster-redis.mjs, two workers: a nonce of one is good at the other, once; a revoked user is so in both; guesses count together', { skip: curl.skip || redis.skip }, async t => {
  const [target, echo] = [await origin(t), await tcpOrigin(t)]
  const server = await startRedis(t)
  const env = { SPECIAL: `${target.authority},${echo.authority}`, REDIS_URL: `redis://127.0.0.1:${server.port}`, GATEWAY_KEY: 'k'.repeat(32) }
  const { lines: [line, guess], log, port, pid } = await startExample(t, 'cluster-redis', { env, target: target.url })
  /** The workers with such a line. */
  const workers = (is: (line: Line) => boolean) => new Set(log().filter(is).map(({ pid }) => pid as number))
  await until(() => workers(({ msg }) => /Server listening/.test(String(msg))).size === 2)

  t.same(await paste(t, line!), { status: '200', body: 'origin' })
  const around = { port, origin: target } as unknown as Surroundings
  const session = await DigestSession.start(t, around)
  const accepted = () => workers(({ proxy }) => (proxy as { user?: string } | undefined)?.user === 'alice')
  let statuses: number[]
  do {
    // 503: the first question of a worker to Redis may take too long where the machine does much else.
    statuses = (await together(() => session.send())).map(({ status }) => status)
    t.strictSame(statuses.filter(status => status !== 200 && status !== 503), [], 'whichever worker it comes to')
  } while (accepted().size < 2 || statuses.includes(503))
  const { nc } = session
  const refused = () => workers(({ refusal }) => (refusal as { reason?: string } | undefined)?.reason === 'nc')
  do {
    const again = () => {
      session.nc = nc - 1
      return session.send()
    }
    for (const { status } of await together(again)) t.equal(status, 407, 'a count that was used, at whichever worker')
  } while (refused().size < 2)

  const tunnels: RawClient[] = []
  const asked = () => log().filter(({ req }) => (req as { url?: string } | undefined)?.url === echo.authority)
  const tunnel = await DigestSession.start(t, { port, origin: echo } as unknown as Surroundings, 'CONNECT')
  const open = async () => {
    const client = await RawClient.to(t, port)
    const head = await client.send(message('CONNECT', echo.authority, [`Proxy-Authorization: ${tunnel.sign()}`])).until(text => text.includes('\r\n\r\n'))
    t.match(head, /^HTTP\/1\.1 200 /)
    return client
  }
  await until(() => asked().length === 1) // which has asked for a challenge
  const opened = () => new Set(asked().slice(1).map(({ pid }) => pid))
  while (opened().size < 2) tunnels.push(...await together(open))
  const took = await atBest(1000, async () => {
    if (tunnels.length === 0) tunnels.push(...await together(open))
    const start = performance.now()
    process.kill(pid, 'SIGUSR2')
    await Promise.all(tunnels.splice(0).map(async each => await each.end()))
    return performance.now() - start
  })
  t.ok(took < 1000, `${took} ms`)
  await until(() => workers(({ proxy }) => (proxy as { reason?: string } | undefined)?.reason === 'revoked').size === 2)

  const guessed = await paste(t, guess!)
  t.equal(guessed.status, '429')
  t.equal(guessed.body.match(/HTTP\/1\.1 429 /g)?.length, 1, 'the last one')
  const [first] = accepted()
  process.kill(first!, 'SIGKILL')
  await until(() => workers(({ msg }) => /Server listening/.test(String(msg))).size === 3)
  session.nc = nc
  t.equal((await session.send()).status, 200, 'a worker that dies takes nothing along')
  for (let i = 0; i < 4; i++) {
    session.nc = nc - 1
    t.equal((await session.send()).status, 407)
  }
})
