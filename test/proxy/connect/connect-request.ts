import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { connectOf, markConnect } from '../../../lib/proxy/connect/connect-request.js'
import type { Connect } from '../../../lib/proxy/connect/connect-request.js'

t.test('a CONNECT: it is found on its request, and any other request has none', async t => {
  const request = {} as IncomingMessage
  t.equal(connectOf(request), undefined)
  const connect = {} as Connect
  markConnect(request, connect)
  t.equal(connectOf(request), connect)
  t.strictSame(Object.keys(request), [], 'and no log shows it')
})
