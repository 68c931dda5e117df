import t from 'tap'
import { withCredentials } from '../../../lib/proxy/parent/with-credentials.js'

t.test('the usual credentials: they come behind the fields, as their RFC spells them', async t => {
  const fields = ['Host', 'a.test', 'X-A', '1']
  t.strictSame(withCredentials(fields, { 'proxy-authorization': 'Basic YTpi' }), [...fields, 'Proxy-Authorization', 'Basic YTpi'])
  t.strictSame(fields, ['Host', 'a.test', 'X-A', '1'])
})

t.test('credentials of several fields: each takes the place of all lines of its name', async t => {
  const fields = ['X-Amz-Date', 'a', 'X-A', '1', 'x-amz-date', 'b', 'constructor', 'c']
  t.strictSame(
    withCredentials(fields, { 'proxy-authorization': 'AWS4-HMAC-SHA256 x', 'x-amz-date': '20260101T000000Z' }),
    ['X-A', '1', 'constructor', 'c', 'Proxy-Authorization', 'AWS4-HMAC-SHA256 x', 'x-amz-date', '20260101T000000Z']
  )
})

t.test('no credentials: the fields are as they are', async t => {
  t.strictSame(withCredentials(['X-A', '1'], null), ['X-A', '1'])
})
