import t from 'tap'
import fc from 'fast-check'
import { formatAws4Credentials, formatScope, parseAws4Credentials } from '../../../lib/schemes/aws4/credentials.js'
import type { Aws4Row } from '../../fixtures/aws4.js'
import { vectors } from '../../fixtures/vectors.js'

const SIGNATURE = 'a1'.repeat(32)
const parts = (changed: Record<string, string> = {}) => Object.entries({
  Credential: 'alice/20261121/local/proxy/aws4_request', SignedHeaders: 'host;x-amz-date', Signature: SIGNATURE, ...changed
}).map(([name, value]) => `${name}=${value}`)
const text = (changed?: Record<string, string>, between = ', ') => `AWS4-HMAC-SHA256 ${parts(changed).join(between)}`
const parsed = {
  accessKeyId: 'alice', day: '20261121', region: 'local', service: 'proxy', signedHeaders: ['host', 'x-amz-date'], signature: SIGNATURE
}

t.test('the vectors: credentials are read and written back (R-AWS-1)', async t => {
  for (const { id, inputs, expected } of vectors<Aws4Row>('aws4')) {
    const credentials = parseAws4Credentials(expected.credentials)
    t.match(credentials, {
      accessKeyId: inputs.access_key, region: inputs.region, service: inputs.service, signedHeaders: inputs.signed, signature: expected.signature
    }, id)
    t.equal(formatAws4Credentials(credentials), expected.credentials, id)
    t.equal(formatScope(credentials), expected.scope, id)
  }
})

t.test('parts between commas, with any spaces and in any order, and the scheme in any case: they are read (R-AWS-2)', async t => {
  for (const between of [',', ', ', ' ,', '\t,\t ', ' , ']) t.same(parseAws4Credentials(text({}, between)), parsed, JSON.stringify(between))
  t.same(parseAws4Credentials(` aws4-hmac-sha256  ${parts().reverse().join(', ')} `), parsed)
})

t.test('a key id with slashes: it is read whole, for a scope may not have any', async t => {
  t.equal(parseAws4Credentials(text({ Credential: 'team/alice/20261121/local/proxy/aws4_request' })).accessKeyId, 'team/alice')
})

t.test('credentials that do not follow the grammar: they are malformed (R-AWS-1, R-AWS-2)', async t => {
  const rows: Record<string, string> = {
    'no parts': 'AWS4-HMAC-SHA256',
    'no space': `AWS4-HMAC-SHA256,${parts().join()}`,
    'a part missing': `AWS4-HMAC-SHA256 ${parts().slice(1).join()}`,
    'a part twice': `AWS4-HMAC-SHA256 ${[...parts(), 'SignedHeaders=host'].join()}`,
    'another part': `AWS4-HMAC-SHA256 ${[...parts(), 'Region=x'].join()}`,
    'a part in another case': text().replace('Signature=', 'signature='),
    'no comma': text({}, ' '),
    'another char in place of a comma': text({}, ' ;'),
    'a comma behind': `${text()},`,
    'an empty member': text({}, ',,'),
    'a name without a value': `AWS4-HMAC-SHA256 ${parts().slice(1).join()}, Credential`,
    quotes: text({ Credential: '"alice/20261121/local/proxy/aws4_request"' }),
    'no key id': text({ Credential: '/20261121/local/proxy/aws4_request' }),
    'a short scope': text({ Credential: 'alice/20261121/local/proxy' }),
    nothing: text({ Credential: '' }),
    'another terminator': text({ Credential: 'alice/20261121/local/proxy/aws4' }),
    'a day with a letter': text({ Credential: 'alice/2026112x/local/proxy/aws4_request' }),
    'a short day': text({ Credential: 'alice/2026112/local/proxy/aws4_request' }),
    'no region': text({ Credential: 'alice/20261121//proxy/aws4_request' }),
    'no service': text({ Credential: 'alice/20261121/local//aws4_request' }),
    'a long key id': text({ Credential: `${'a'.repeat(257)}/20261121/local/proxy/aws4_request` }),
    'a field in another case': text({ SignedHeaders: 'Host;x-amz-date' }),
    'a field twice': text({ SignedHeaders: 'host;host' }),
    'no field': text({ SignedHeaders: '' }),
    'an empty field': text({ SignedHeaders: 'host;;x-amz-date' }),
    'too many fields': text({ SignedHeaders: Array.from({ length: 129 }, (_, i) => `x-${i}`).join(';') }),
    'a signature in another case': text({ Signature: 'A1'.repeat(32) }),
    'a short signature': text({ Signature: 'a1' }),
    '64 KiB': text({ SignedHeaders: 'x'.repeat(65536) }),
    'octets beyond ASCII': text({ Credential: 'al\u00eece/20261121/local/proxy/aws4_request' })
  }
  for (const [name, value] of Object.entries(rows)) {
    t.throws(() => parseAws4Credentials(value), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }, name)
  }
})

t.test('parts as long as they may be: they are read, and one char more is refused', async t => {
  const key = 'a'.repeat(256)
  t.equal(parseAws4Credentials(text({ Credential: `${key}/20261121/local/proxy/aws4_request` })).accessKeyId, key)
  const names = Array.from({ length: 128 }, (_, i) => `x-${i}`)
  t.same(parseAws4Credentials(text({ SignedHeaders: names.join(';') })).signedHeaders, names)
  const name = 'x'.repeat(8192 - text({ SignedHeaders: '' }).length)
  t.same(parseAws4Credentials(text({ SignedHeaders: name })).signedHeaders, [name])
  t.throws(() => parseAws4Credentials(text({ SignedHeaders: `${name}x` })), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', message: /too long/ })
})

t.test('any text: it is read or refused, and the error never has what was received', async () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), fc.nat(200), (junk, at) => {
    const whole = text()
    for (const value of [junk, `AWS4-HMAC-SHA256 ${junk}`, whole.slice(0, at) + junk + whole.slice(at)]) {
      try {
        parseAws4Credentials(value)
      } catch (error) {
        const { code, message } = error as { code: string, message: string }
        if (code !== 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' || message.includes('aws4_request')) return false
      }
    }
    return true
  }))
})
