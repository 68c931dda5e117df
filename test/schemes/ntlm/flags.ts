import t from 'tap'
import { FLAGS, has } from '../../../lib/schemes/ntlm/flags.js'

t.test('the flags of the worked example: each is found, and no other (MS-NLMP, 4.2.4)', async t => {
  const flags = 0xe28a8233
  const set = Object.entries(FLAGS).filter(([, flag]) => has(flags, flag)).map(([name]) => name)
  t.strictSame(set, [
    'unicode', 'oem', 'sign', 'seal', 'ntlm', 'alwaysSign', 'targetTypeServer', 'extendedSessionSecurity', 'targetInfo', 'version',
    'key128', 'keyExchange', 'key56'
  ])
  t.notOk(has(flags, FLAGS.anonymous))
})
