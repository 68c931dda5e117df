import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import { causeOf, leaveCause } from '../../../lib/platform/http1/refusal-cause.js'

t.test('a cause that is left on a response: it counts for its own status, and the last one counts', async t => {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  t.equal(causeOf(response, 403), undefined)
  const first = { statusCode: 403, code: 'A' }
  leaveCause(response, first)
  t.equal(causeOf(response, 403), first)
  t.equal(causeOf(response, 502), undefined)
  const last = { statusCode: 502 }
  leaveCause(response, last)
  t.equal(causeOf(response, 403), undefined)
  t.equal(causeOf(response, 502), last)
})
