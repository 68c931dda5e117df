// The example with several processes.
import t from 'tap'
import { startExample } from '../fixtures/example.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
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
