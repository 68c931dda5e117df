import t from 'tap'
import { sentOnce } from '../../../../lib/proxy/parent/login/sent-once.js'

t.test('an attempt that is made once: a 407 to it is final', async t => {
  const fields = { 'proxy-authorization': 'Basic dTpw' }
  const attempt = sentOnce(fields)
  t.equal(attempt.ready, true)
  t.equal(await attempt.first(), fields)
  t.equal(await attempt.next(['Basic realm="x"']), null)
  t.equal(await attempt.succeeded([], []), undefined)
  t.equal(await sentOnce(null).first(), null)
})
