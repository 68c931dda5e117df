import t from 'tap'
import { MemoryStore } from '../../../lib/store/memory.js'
import { readAws4Options } from '../../../lib/strategies/aws4/options.js'
import type { Aws4Options } from '../../../lib/strategies/aws4/options.js'

const least: Aws4Options = { lookup: () => null, region: 'local', service: 'proxy' }

t.test('no more options than are needed: the others have defaults, and all are frozen', async t => {
  const settings = readAws4Options(least)
  t.match(settings, { ...least, clockSkew: 900_000, unsignedPayload: false, escapePath: true, store: undefined, clock: Date.now })
  t.equal(settings.onRefused({ reason: 'key', accessKeyId: null }), undefined)
  t.ok(Object.isFrozen(settings))
  const store = new MemoryStore()
  t.equal(readAws4Options({ ...least, store }).store, store)
})

t.test('a wrong option: the boot stops, and what is wrong is named by its type', async t => {
  for (const [name, value] of Object.entries({
    lookup: 'x', onRefused: 'x', clock: 0, region: '', service: 'a/b', clockSkew: 0, unsignedPayload: 'yes', escapePath: 1, store: {}, windows: 1
  })) t.throws(() => readAws4Options({ ...least, [name]: value }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: name }, name)
  for (const region of [7, 'caf\u00e9', 'a,b', 'a b']) {
    t.throws(() => readAws4Options({ ...least, region: region as string }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  }
  for (const clockSkew of [1.5, 86_400_001, NaN]) t.throws(() => readAws4Options({ ...least, clockSkew }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => readAws4Options(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => readAws4Options({ ...least, store: null as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})
