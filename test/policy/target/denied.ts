import t from 'tap'
import { TargetDenied } from '../../../lib/errors.js'
import { denied } from '../../../lib/policy/target/denied.js'

t.test('a denied target: the error has status 403 and its Proxy-Status type', async t => {
  const error = denied({ reason: 'port', proxyStatus: 'http_request_denied' })
  t.ok(error instanceof TargetDenied)
  t.equal(error.statusCode, 403)
  t.equal(error.code, 'FST_PROXY_AUTH_TARGET_DENIED')
  t.equal(error.proxyStatus, 'http_request_denied')
  t.equal(error.reason, 'port')
  t.equal(error.address, undefined)
})

t.test('an address that is for the log alone: it is not in the response', async t => {
  const error = denied({ reason: 'special-purpose address', proxyStatus: 'destination_ip_prohibited', address: '10.0.0.1', block: 'private-use' })
  t.equal(error.address, '10.0.0.1')
  t.equal(error.block, 'private-use')
  t.notMatch(JSON.stringify({ ...error, message: error.message }), '10.0.0.1')
  t.notMatch(String(error), '10.0.0.1')
})

t.test('a denial with a status and fields: they are those of the response', t => {
  const error = denied({ reason: 'later', proxyStatus: 'http_request_denied', statusCode: 429, headers: { 'retry-after': '2' }, rule: 'r' })
  t.match(error, { statusCode: 429, headers: { 'retry-after': '2' }, rule: 'r' })
  t.notMatch(Object.keys(error), ['rule'])
  t.end()
})
