import t from 'tap'
import { defineScript } from '../../lib/store/redis-script.js'
import { fakeRedis } from '../fixtures/fake-redis.js'

t.test('a script: it is a command of the client, which gets its keys before all else', async t => {
  const defined: unknown[] = []
  const called: unknown[] = []
  const client = fakeRedis({ defineCommand: (...args) => defined.push(args) })
  const script = defineScript(client, 'proxyAuthTest1', 2, 'return 1')
  t.same(defined, [['proxyAuthTest1', { lua: 'return 1', numberOfKeys: 2 }]])
  Object.assign(client, { proxyAuthTest1: async (...args: unknown[]) => called.push(args) })
  t.equal(await script(['a', 'b'], 'c', 4), 1)
  t.same(called, [['a', 'b', 'c', 4]])
})
