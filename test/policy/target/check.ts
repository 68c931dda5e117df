import t from 'tap'
import { ask, type Check, type Target } from '../../../lib/policy/target/check.js'

const target: Target = { host: 'origin.test', port: 443, scheme: 'connect' }
const denied = { code: 'FST_PROXY_AUTH_TARGET_DENIED', statusCode: 403, proxyStatus: 'http_request_denied' }
const failed = { code: 'FST_PROXY_AUTH_CHECK_FAILED', statusCode: 500 }
const run = (check: unknown, timeout = 1000) => ask(() => (check as Check<unknown>)(target, { name: 'alice' }), timeout)
const reasonOf = (verdict: string): unknown => {
  try {
    return run(() => verdict)
  } catch (error) {
    return (error as { reason?: unknown }).reason
  }
}

t.test('a check that returns true: the target is admitted, and the check was given target and user', async t => {
  const calls: unknown[] = []
  t.equal(run((...args: unknown[]) => { calls.push(args); return true }), undefined)
  t.equal(await run(async () => true), undefined)
  t.strictSame(calls, [[target, { name: 'alice' }]])
})

t.test('a check that returns false or a reason: the target is refused with 403', async t => {
  t.throws(() => run(() => false), { ...denied, reason: 'refused by a rule' })
  t.throws(() => run(() => 'not after six'), { ...denied, reason: 'not after six', message: 'not after six' })
  t.throws(() => run(() => ''), { ...denied, reason: 'refused by a rule' })
  await t.rejects(run(async () => false)!, { ...denied, reason: 'refused by a rule' })
  await t.rejects(run(async () => 'not after six')!, { ...denied, reason: 'not after six' })
})

t.test('a reason with line breaks or of great length: it is put on one line and cut short', async t => {
  t.equal(reasonOf('a\r\nVia: b\u0000c\u0085d'), 'a  Via: b c d')
  t.equal(reasonOf(' \n '), 'refused by a rule')
  t.equal(String(reasonOf('x'.repeat(1000))).length, 200)
  t.equal(reasonOf('100 %s'), '100 %s')
})

t.test('a check that returns no verdict: it has failed, and nothing is admitted', async t => {
  for (const verdict of [undefined, null, 0, 1, {}, [], Object(true), () => true]) {
    t.throws(() => run(() => verdict), failed)
    await t.rejects(run(async () => verdict)!, failed)
  }
})

t.test('a check that throws or rejects: it has failed, and the cause is kept', async t => {
  const cause = new Error('the directory is away')
  t.throws(() => run(() => { throw cause }), { ...failed, cause })
  await t.rejects(run(async () => { throw cause })!, { ...failed, cause })
  const thenable = { then (_resolve: unknown, reject: (error: Error) => void) { reject(cause) } }
  await t.rejects(run(() => thenable)!, { ...failed, cause })
})

t.test('a check that is silent: it ends at the deadline, with 503', async t => {
  await t.rejects(run(() => new Promise(() => {}), 1)!, { code: 'FST_PROXY_AUTH_CHECK_TIMEOUT', statusCode: 503 })
})

t.test('a check that returns an object: it says the status, the reason, and when to come back', async t => {
  const rows: Array<[verdict: object, error: object]> = [
    [{ status: 429, reason: 'too much', retryAfter: 1500 }, { statusCode: 429, reason: 'too much', headers: { 'retry-after': '2' } }],
    [{ status: 400 }, { statusCode: 400, reason: 'refused by a rule', headers: undefined }],
    [{ status: 599, reason: '' }, { statusCode: 599, reason: 'refused by a rule' }],
    [{ status: 403, reason: 'closed' }, { statusCode: 403, reason: 'closed' }],
    [{ reason: 'a\r\nVia: b' }, { statusCode: 403, reason: 'a  Via: b' }],
    [{ retryAfter: 1 }, { statusCode: 403, headers: { 'retry-after': '1' } }],
    [{ reason: 'closed', more: 1 }, { reason: 'closed' }]
  ]
  for (const [verdict, error] of rows) {
    t.throws(() => run(() => verdict), { code: denied.code, ...error }, JSON.stringify(verdict))
    await t.rejects(run(async () => verdict)!, { code: denied.code, ...error })
  }
})

t.test('a check that returns an object which is no refusal: it has failed', t => {
  for (const verdict of [
    ...[401, 407, 200, 399, 600, 403.5, '403', null].map(status => ({ status })), ...[1, null, {}].map(reason => ({ reason })),
    ...[0, -1, Infinity, 1e300, NaN, '1', null].map(retryAfter => ({ retryAfter })), { status: 429, retryAfter: 0 }, { message: 'closed' }
  ]) t.throws(() => run(() => verdict), failed, JSON.stringify(verdict))
  t.end()
})

t.test('a verdict that throws when it is read: the check has failed; each member is read once', async t => {
  const cause = new Error('canary')
  for (const name of ['status', 'then']) t.throws(() => run(() => ({ get [name] () { throw cause } })), { ...failed, cause })
  let count = 0
  t.equal(reasonOf({ get reason () { return ++count === 1 ? 'once' : 7 } } as never), 'once')
})
