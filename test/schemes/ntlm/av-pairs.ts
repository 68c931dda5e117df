import t from 'tap'
import { AV, formatAvPairs, readAvPairs } from '../../../lib/schemes/ntlm/av-pairs.js'

const INFO = '02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000'

t.test('the target info of the worked example: it is read and written back (MS-NLMP, 4.2.4)', async t => {
  const pairs = readAvPairs(Buffer.from(INFO, 'hex'))
  t.strictSame([...pairs].map(([id, value]) => [id, value.toString('utf16le')]), [[AV.domain, 'Domain'], [AV.computer, 'Server']])
  t.equal(formatAvPairs(pairs).toString('hex'), INFO)
})

t.test('octets behind the end of the list: they do not count', async t => {
  t.strictSame([...readAvPairs(Buffer.from('00000000ffff', 'hex'))], [])
})

t.test('a list without an end, or with an attribute twice: it is malformed (R-NTLM-6)', async t => {
  for (const hex of ['', '00', '02000400', '0200040000', '02000c0044006f00', '020000000200000000000000', 'ffffffff00']) {
    t.throws(() => readAvPairs(Buffer.from(hex, 'hex')), { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }, hex)
  }
})
