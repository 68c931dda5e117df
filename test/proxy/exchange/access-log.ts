import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { decisionOf, defaultDecision, UNRESOLVED } from '../../../lib/policy/rules/decision.js'
import { endingBy, logExchange } from '../../../lib/proxy/exchange/access-log.js'
import type { Permitted } from '../../../lib/proxy/exchange/access-log.js'

function recorded (proxyAuth: object | null, permit?: Permitted): unknown[][] {
  const lines: unknown[][] = []
  const log = { info: (...line: unknown[]) => { lines.push(line) } }
  const request = { log, method: 'GET', proxyAuth, headers: { authorization: 'canary' } } as unknown as FastifyRequest
  logExchange(request, { form: 'http', target: 'http://a.test', permit })({ status: 200, bytesIn: 1, bytesOut: 2, reason: 'idle', parent: 'up-1', account: 'gw#1' })
  return lines
}

t.test('one line: user, scheme, form, method, target, status, octets each way, duration, reason, parent, account', async t => {
  const lines = recorded({ name: 'alice', scheme: 'Basic', user: { password: 'canary' } })
  t.equal(lines.length, 1)
  const [[{ proxy }, message]] = lines as [[{ proxy: Record<string, unknown> }, string]]
  t.strictSame({ ...proxy, durationMs: 0 }, {
    user: 'alice', scheme: 'Basic', form: 'http', method: 'GET', target: 'http://a.test', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 0, reason: 'idle', parent: 'up-1', account: 'gw#1'
  })
  t.ok(Number.isInteger(proxy['durationMs']))
  t.equal(message, 'proxied')
})

t.test('a user object: it is never in the line of the log (R-SEC-1)', async t => {
  t.notMatch(JSON.stringify(recorded({ name: 'alice', scheme: null, user: { password: 'canary' } })), /canary/)
})

t.test('an exchange without a user: user and scheme are null', async t => {
  const [[{ proxy }]] = recorded(null) as [[{ proxy: Record<string, unknown> }]]
  t.strictSame([proxy['user'], proxy['scheme']], [null, null])
})

t.test('a failure: status, reason, parent and account of the record are its own, or those of a fault', async t => {
  const failure = Object.assign(new Error(), { statusCode: 502, code: 'CODE', parent: 'up-1', account: 'gw#1' })
  t.strictSame(endingBy(failure), { status: 502, reason: 'CODE', parent: 'up-1', account: 'gw#1' })
  t.match(endingBy(new Error()), { status: 500, reason: 'error', parent: undefined, account: undefined })
})

t.test('what rules have decided: groups, rule, decision and whether it would be denied are in the line', async t => {
  const said = (action: 'allow' | 'deny' | 'report', reportsOnly = false) =>
    decisionOf({ name: 'r', action, reason: undefined, special: false } as never, reportsOnly)
  const rows: Array<[Permitted['decision'], object]> = [
    [said('allow'), { rule: 'r', decision: 'allow', wouldDeny: false }],
    [said('deny'), { rule: 'r', decision: 'deny', wouldDeny: false }],
    [said('report'), { rule: 'r', decision: 'report', wouldDeny: true }],
    [said('deny', true), { rule: 'r', decision: 'report', wouldDeny: true }],
    [defaultDecision(false, false), { rule: null, decision: 'deny', wouldDeny: false }],
    [UNRESOLVED, { rule: undefined, decision: undefined, wouldDeny: undefined }],
    [undefined, { rule: undefined, decision: undefined, wouldDeny: undefined }]
  ]
  for (const [decision, wanted] of rows) {
    const [[{ proxy }]] = recorded(null, { groups: ['staff'], decision }) as [[{ proxy: Record<string, unknown> }]]
    t.match(proxy, { groups: ['staff'], ...wanted })
  }
})

t.test('no rules: groups and decision are not in the line', async t => {
  const [[{ proxy }]] = recorded(null) as [[{ proxy: Record<string, unknown> }]]
  for (const name of ['groups', 'rule', 'decision', 'wouldDeny']) t.notOk(name in proxy, name)
})
