import fc from 'fast-check'
import t from 'tap'
import * as errors from '../../../lib/errors.js'
import { denied } from '../../../lib/policy/target/denied.js'
import { MAX_PHRASE, REASON_PHRASES, isReasonPhrase, phraseFor } from '../../../lib/proxy/connect/reason-phrases.js'

/** What no CONNECT of the forward proxy is refused with. */
const NEVER = [
  'NOT_REPRESENTABLE', 'NOT_REGISTERED', 'BAD_OPTION', 'BAD_REGISTRATION', 'MISSING_PACKAGE', 'BAD_CHALLENGE', // at the boot, or within another
  'CONTENT_TOO_LARGE', 'CONTENT_NOT_KEPT', 'PARENT_CONTENT', // it has no content
  'TLS', 'UPSTREAM_PROTOCOL', 'UPSTREAM_HEAD_TOO_LARGE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_CHALLENGED', // it speaks no HTTP with the target
  'IDENTITY_FAILED', 'UPSTREAM_BUSY', // of reverse routes
  'RELOAD_FAILED', // no request has anything to do with it
  'STATUS_BUSY', 'STATUS_REFUSED', // of the status page
  'CLIENT_LEFT', 'LISTENER_FAILED' // there is no response
].map(code => `FST_PROXY_AUTH_${code}`)

t.test('each error of the package: it has a phrase, or no CONNECT is refused with it', async t => {
  const codes = Object.values(errors).map(Class => (new (Class as unknown as new (...args: unknown[]) => { code: string })('a')).code)
  t.strictSame([...Object.keys(REASON_PHRASES), ...NEVER].sort(), [...new Set(codes)].sort())
  for (const [code, text] of Object.entries(REASON_PHRASES)) {
    t.ok(isReasonPhrase(text), code)
    t.equal(phraseFor({ code }, {}), text)
  }
})

t.test('a refusal with a reason: the phrase is the reason, with a capital letter', async t => {
  for (const [reason, phrase] of [
    ['not on the allow list', 'Not on the allow list'], ['port', 'Port not allowed'], ['own listener', 'The target is this proxy'],
    ['407 is not what this is', '407 is not what this is'], ['constructor', 'Constructor'], ['x'.repeat(120), `X${'x'.repeat(119)}`],
    ['x'.repeat(121), `X${'x'.repeat(116)}...`]
  ] as const) t.equal(phraseFor(denied({ reason, proxyStatus: 'http_request_denied' }), {}), phrase)
  t.equal(phraseFor(new errors.Forbidden('access revoked'), {}), 'Access revoked')
  t.equal(phraseFor({ code: 'FST_PROXY_AUTH_FORBIDDEN' }, {}), 'Access refused')
})

t.test('a reason that a status line cannot carry: the phrase is our text for the code', async t => {
  for (const reason of ['', 'nicht für dich', 'a\r\nSet-Cookie: a=b', 'a\tb', '\x7f', '\u010d\u010a']) {
    t.equal(phraseFor(denied({ reason, proxyStatus: 'http_request_denied' }), {}), 'Target denied', reason)
  }
})

t.test('any reason: what is sent is one line of printable ASCII', async () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 100, maxLength: 140 })), reason => {
    const phrase = phraseFor(denied({ reason, proxyStatus: 'http_request_denied' }), {})
    return isReasonPhrase(phrase) && phrase.length <= MAX_PHRASE
  }))
})

t.test('texts of the operator: they stand for those of ours, and for reasons', async t => {
  const own = { FST_PROXY_AUTH_TARGET_DENIED: 'See the wiki', FST_PROXY_AUTH_DNS: 'No such name' }
  t.equal(phraseFor(denied({ reason: 'port', proxyStatus: 'http_request_denied' }), own), 'See the wiki')
  t.equal(phraseFor(new errors.DnsFailed(), own), 'No such name')
  t.equal(phraseFor(new errors.DnsTimeout(), own), 'Name look-up timed out')
})

t.test('errors of others: they have no phrase', async t => {
  for (const cause of [new Error('bug'), { code: 'ECONNREFUSED', reason: 'a' }, { code: 'constructor' }, { reason: 'a' }]) t.equal(phraseFor(cause, {}), undefined)
})

t.test('what a text may be: printable ASCII of 1 to 120 chars', async t => {
  for (const text of ['a', ' ~', 'x'.repeat(120)]) t.ok(isReasonPhrase(text), text)
  for (const text of ['', 'x'.repeat(121), 'a\nb', '\u00e9', 1, null, undefined]) t.notOk(isReasonPhrase(text), String(text))
})
