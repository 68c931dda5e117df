import { readFileSync } from 'node:fs'
import type { FastifyError } from '@fastify/error'
import t from 'tap'
import * as errors from '../lib/errors.js'

const registry = Object.entries(errors).map(([name, ErrorClass]) => ({ name, error: new (ErrorClass as new (wait: number) => FastifyError)(1) }))

t.test('the page of errors: it has every code with its status and class, and no other', async t => {
  const page = readFileSync('docs/reference/errors.md', 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d{3}) \| \[`(\w+)`\]\(.*?\) \| \S.* \|$/gm)].map(([, ...cells]) => cells.join(' '))
  t.strictSame(rows.sort(), registry.map(({ name, error }) => `${error.code} ${error.statusCode} ${name}`).sort())
})

t.test('an error code: it has our prefix and stands for one class', async t => {
  for (const { name, error } of registry) t.match(error.code, /^FST_PROXY_AUTH_[A-Z0-9_]+$/, name)
  t.equal(new Set(registry.map(({ error }) => error.code)).size, registry.length)
})

t.test('an error with a time to wait: Retry-After gives it in whole seconds, one or more', async t => {
  for (const ComeBack of [errors.StoreFull, errors.StoreUnavailable, errors.TooManyAttempts, errors.TooManyHandshakes, errors.VerifierBusy, errors.LimitStoreFailed]) {
    for (const [wait, seconds] of [[0, '1'], [1, '1'], [1000, '1'], [1001, '2']] as const) {
      const error = new ComeBack(wait)
      t.same(error.headers, { 'retry-after': seconds })
      t.match(error.message, ` ${seconds} seconds`)
      t.ok(error instanceof ComeBack)
    }
    t.notOk(new errors.ClientLeft() instanceof ComeBack)
  }
  t.same(new errors.StrategyUnavailable('x', {}, 1001).headers, { 'retry-after': '2' })
  for (const { headers } of [new errors.StrategyUnavailable('x'), new errors.StrategyTimeout('x')]) t.same(headers, { 'retry-after': '10' })
})

t.test('a limit that is reached: the message has the reason, and Retry-After is there unless it is a 403', async t => {
  const reached = new errors.LimitReached(1001, 'the quota of "day" is spent')
  t.match(reached, { statusCode: 429, message: 'limit reached: the quota of "day" is spent', reason: 'the quota of "day" is spent' })
  t.same(reached.headers, { 'retry-after': '2' })
  t.notOk(Object.keys(reached).includes('reason'))
  t.match(reached, { limit: '', kind: 'requests', retryAfterMs: null })
  t.match(new errors.LimitReached(1001, 'x', { limit: 'day', kind: 'quota', status: 403 }), { statusCode: 403, headers: { 'retry-after': undefined }, limit: 'day', kind: 'quota', retryAfterMs: 1001 })
  t.equal(new errors.LimitReached(5, 'x', { limit: 'day', kind: 'rate' }).retryAfterMs, 5)
})

t.test('an error that a request causes: it has no stack to build, while one at the boot has', async t => {
  for (const { name, error } of registry) {
    const atBoot = /^(BadOption|BadRegistration|MissingPackage|NotRepresentable|ReloadFailed)$/.test(name)
    t.equal(error.stack?.includes('\n    at ') ?? false, atBoot, name)
  }
})

t.test('a parent that denies a target: its status is kept where it means the same of us, and is 502 else', async t => {
  for (const status of [403, 502, 503, 504]) t.match(new errors.ParentDenied(status), { statusCode: status, message: `status ${status}` })
  for (const status of [200, 401, 407, 500]) t.match(new errors.ParentDenied(status), { statusCode: 502, message: `status ${status}` })
  t.equal(new errors.ParentDenied().statusCode, 502)
})

t.test('a wrong option: the message names it, what it must be and what it got, or is all that is given', async t => {
  t.equal(new errors.BadOption('realm', 'text', 'number').message, 'option realm must be text, got number')
  t.equal(new errors.BadOption('unknown option "realmm"').message, 'unknown option "realmm"')
})
