import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { refusalHead } from '../../../lib/proxy/connect/refusal.js'

const response = () => new ServerResponse(new IncomingMessage(new Socket()))

t.test('a refusal: its head has what was set, then what is given, and no-store (R-CONNECT-14)', async t => {
  const answer = response()
  answer.setHeader('X-Set', 'set')
  answer.setHeader('Cache-Control', 'public')
  const head = refusalHead(answer, 407, [undefined, { 'X-Given': 'given', 'x-set': 'again' }])
  t.strictSame(head, { refusal: 407, fields: { 'x-set': 'again', 'x-given': 'given', 'cache-control': 'no-store' } })
  t.strictSame(answer.getHeaderNames(), [])
})

t.test('a refusal with a success status: it becomes a 403 (R-CONNECT-5)', async t => {
  for (const [status, refusal] of [[200, 403], [204, 403], [299, 403], [301, 301], [407, 407], [502, 502]] as const) {
    t.equal(refusalHead(response(), status, ['a phrase', ['X-List', '1']]).refusal, refusal)
  }
})
