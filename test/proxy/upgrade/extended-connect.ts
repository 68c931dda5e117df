import type { IncomingMessage, ServerResponse } from 'node:http'
import t from 'tap'
import { extendedResponse, onExtendedConnect } from '../../../lib/proxy/upgrade/extended-connect.js'
import { announcing } from '../../fixtures/announcing.js'
import { extended } from '../../fixtures/extended-socket.js'

const PLAIN = { ':method': 'CONNECT', ':authority': 'origin.test:443' }

t.test('a request that is no extended CONNECT: it has no response of one', t => {
  t.equal(extendedResponse({ headers: {} } as IncomingMessage), undefined)
  t.end()
})

t.test('an extended CONNECT for a WebSocket: it is offered as a GET, and belongs to its taker (R-XC-1)', async t => {
  const client = await announcing(t, server => {
    onExtendedConnect(server, request => {
      const response = extendedResponse(request)!
      response.writeHead(200).end(`${request.method} ${request.url}`)
      return true
    })
    server.on('connect', () => t.fail('it is taken'))
  })
  for (const protocol of ['websocket', 'WebSocket']) {
    t.match(await client.ask({ ...extended('a.test', '/x'), ':protocol': protocol }), { status: 200, body: 'GET /x' })
  }
  t.match(await client.ask({ ':path': '/' }), { body: 'plain' }, 'a request is one')
})

t.test('an extended CONNECT not taken or of another protocol, or a plain CONNECT: the listeners get it', async t => {
  const offered: unknown[] = []
  const client = await announcing(t, server => {
    onExtendedConnect(server, ({ headers }) => { offered.push(headers[':protocol']); return false })
    server.on('connect', (request, response) => (response as unknown as ServerResponse).writeHead(200).end(`${request.method} ${request.url}`))
  })
  for (const protocol of ['websocket', 'connect-udp']) {
    t.match(await client.ask({ ...extended('a.test', '/x'), ':protocol': protocol }), { status: 200, body: 'CONNECT /x' })
  }
  t.match(await client.ask(PLAIN), { status: 200 })
  t.strictSame(offered, ['websocket'])
})

t.test('an extended CONNECT that is not taken, without listeners: it is not implemented (R-XC-1)', async t => {
  const client = await announcing(t, server => onExtendedConnect(server, () => false))
  t.match(await client.ask(extended('a.test', '/')), { status: 501, fields: { 'cache-control': 'no-store' } })
  t.match(await client.ask(PLAIN), { status: 405 }, 'as from node')
})
