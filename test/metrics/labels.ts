import t from 'tap'
import { denialLabel, endLabel, refusalLabel, schemeLabel, statusLabel } from '../../lib/metrics/labels.js'

t.test('the reason of a refusal: a word of ours, or other', async t => {
  t.strictSame(['rejected', 'not offered', 'nonce', 'mic', 'replay', 'ticket', 'a word of a strategy', '__proto__', 'toString', ''].map(refusalLabel),
    ['rejected', 'not offered', 'nonce', 'mic', 'replay', 'ticket', 'other', 'other', 'other', 'other'])
})

t.test('how an exchange ended: a word of the log, a code of ours, or other', async t => {
  t.strictSame([undefined, 'idle', 'ended', 'FST_PROXY_AUTH_DNS', 'FST_ERR_VALIDATION', 'ECONNRESET', 'xFST_PROXY_AUTH_DNS', `FST_PROXY_AUTH_${'X'.repeat(41)}`, 'constructor'].map(endLabel),
    ['none', 'idle', 'ended', 'FST_PROXY_AUTH_DNS', 'other', 'other', 'other', 'other', 'other'])
})

t.test('what denied a request: a list, a rule or code', async t => {
  const denials = ['on the deny list', 'not on the allow list', 'port', 'special-purpose address', 'own listener', 'not in office hours', 'toString']
  t.strictSame(denials.map(denial => denialLabel({ decision: undefined, denial })),
    ['deny list', 'allow list', 'port', 'special address', 'own listener', 'code', 'code'])
  t.equal(denialLabel({ decision: 'deny', denial: 'port' }), 'rule')
  t.equal(denialLabel({ decision: 'report', denial: 'port' }), 'port')
})

t.test('a status: its class, or other where it is none', async t => {
  t.strictSame([100, 101, 204, 308, 499, 599, 600, 99, 0, NaN].map(statusLabel), ['1xx', '1xx', '2xx', '3xx', '4xx', '5xx', 'other', 'other', 'other', 'other'])
})

t.test('a scheme: itself where it is offered', async t => {
  const offered = new Set(['Basic'])
  t.strictSame([null, 'Basic', 'Digest'].map(scheme => schemeLabel(scheme, offered)), ['none', 'Basic', 'other'])
})
