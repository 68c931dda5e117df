import t from 'tap'
import { MissingPackage } from '../../lib/index.js'
import { createTracing } from '../../lib/tracing/create-tracing.js'
import { Tracing } from '../../lib/tracing/tracing.js'

const missing = async (name: string, user: string) => { throw new MissingPackage(user, name) }

t.test('the package is there: exchanges are traced unless they are not to be', async t => {
  for (const wanted of ['yes', 'maybe'] as const) t.type(await createTracing({ wanted, users: false }), Tracing)
  t.equal(await createTracing({ wanted: 'no', users: false }, (async () => { t.fail('loaded') }) as never), undefined)
})

t.test('the package is not there: that is an error where it is asked for', async t => {
  t.equal(await createTracing({ wanted: 'maybe', users: false }, missing), undefined)
  await t.rejects(createTracing({ wanted: 'yes', users: false }, missing), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /the option tracing .* @opentelemetry\/api/ })
})

t.test('what loads it fails in another way: that is no package that is missing', async t => {
  await t.rejects(createTracing({ wanted: 'maybe', users: false }, async () => { throw new Error('a failure of a test') }), { message: 'a failure of a test' })
})
