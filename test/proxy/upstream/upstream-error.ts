import t from 'tap'
import { errors } from 'undici'
import { BadTarget, ClientLeft } from '../../../lib/errors.js'
import { upstreamError } from '../../../lib/proxy/upstream/upstream-error.js'

const ROWS: Array<[name: string, status: number, codes: string[]]> = [
  ['CONNECTION_REFUSED', 502, ['ECONNREFUSED']],
  ['DNS', 502, ['ENOTFOUND', 'EAI_AGAIN']],
  ['UNROUTABLE', 502, ['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EACCES']],
  ['CONNECT_TIMEOUT', 504, ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT']],
  ['UPSTREAM_TIMEOUT', 504, ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']],
  ['UPSTREAM_TERMINATED', 502, ['ECONNRESET', 'EPIPE', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED', 'UND_ERR_SOCKET', 'EWHATEVER']],
  ['UPSTREAM_HEAD_TOO_LARGE', 502, ['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']],
  ['UPSTREAM_PROTOCOL', 502, ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'HPE_INVALID_CONSTANT']],
  ['OUT_OF_CONNECTIONS', 503, ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']],
  ['REFUSED_CALL', 500, ['EINVAL', 'ERR_INVALID_IP_ADDRESS', 'UND_ERR_INVALID_ARG']],
  ['TLS', 502, [
    'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'HOSTNAME_MISMATCH', 'INVALID_CA', 'INVALID_PURPOSE', 'CRL_HAS_EXPIRED', 'PATH_LENGTH_EXCEEDED'
  ]]
]
for (const [name, status, codes] of ROWS) {
  t.test(`${name} is ${status} (R-PS-5)`, async t => {
    for (const code of codes) {
      const cause = Object.assign(new Error('connect 10.1.2.3:80'), { code })
      const error = upstreamError(cause)
      t.match(error, { code: `FST_PROXY_AUTH_${name}`, statusCode: status, cause }, code)
      t.notMatch(error.message, /\d/, 'no address')
    }
  })
}

t.test('the one code that undici has for a closed socket and for a bad response: the two are told apart', async t => {
  t.match(upstreamError(new errors.SocketError('bad response')), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  t.match(upstreamError(new errors.SocketError('bad upgrade')), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  t.match(upstreamError(new errors.SocketError('other side closed')), { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' })
})

t.test('errors of our own: they are left as they are', async t => {
  for (const error of [new ClientLeft(), new BadTarget('x')]) t.equal(upstreamError(error), error)
  t.match(upstreamError({ code: 'FST_PROXY_AUTH_FOREIGN' }), { code: 'FST_PROXY_AUTH_UPSTREAM_TERMINATED' }, 'not by its code alone')
})

t.test('an error without a code: it counts as a response that is not HTTP', async t => {
  t.match(upstreamError(new Error('?')), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
  t.match(upstreamError({ code: 7 }), { code: 'FST_PROXY_AUTH_UPSTREAM_PROTOCOL' })
})
