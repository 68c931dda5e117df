import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import t from 'tap'
import { hadUserinfo, hideUserinfo } from '../../../lib/proxy/ingress/hide-userinfo.js'

t.test('userinfo in the host: it is removed from what may be proxied, and left in other requests (R-SEC-1)', async t => {
  const server = new EventEmitter()
  let logged: unknown
  server.on('request', ({ headers }: IncomingMessage) => { logged = { ...headers } })
  hideUserinfo(server as Server, () => false)
  hideUserinfo(server as Server, ({ url }) => url!.startsWith('/api'))
  t.equal(server.listenerCount('request'), 2, 'one listener, however many ask (F-39)')
  const ask = (url: string, headers: IncomingMessage['headers']) => {
    const request = { url, headers } as IncomingMessage
    server.emit('request', request)
    return hadUserinfo(request)
  }
  t.equal(ask('/api/x', { host: 'alice:canary@gw.test:80' }), true)
  t.strictSame(logged, { host: 'gw.test:80' })
  t.equal(ask('/api/x', { ':authority': 'alice:canary@gw.test' }), true)
  t.strictSame(logged, { ':authority': 'gw.test' })
  for (const [url, host] of [['/own', 'alice:canary@gw.test'], ['http://a.test/api', 'a@gw.test'], ['/api', 'gw.test']] as const) {
    t.equal(ask(url, { host }), false)
    t.strictSame(logged, { host })
  }
})
