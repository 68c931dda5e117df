import t from 'tap'
import { BasicStrategy, DigestStrategy, lookupStatic, proxyAuthenticate, verifyStatic } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'

const ACCOUNTS = { alice: 'alice-secret' }
const INFORMED = `Proxy-Authorization: Basic ${Buffer.from('alice:alice-secret').toString('base64')}`
const WRONG = `Proxy-Authorization: Basic ${Buffer.from('alice:wrong').toString('base64')}`
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'

/** The names of a head's fields, as they are on the wire. */
function namesIn (text: string): string[] {
  return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1).map(line => line.slice(0, line.indexOf(':')))
}

t.test('fields of the gateway, in every form and kind of response: they are spelt as in their RFC (F-5)', async t => {
  const origin = await rawOrigin(t, (socket, head) => {
    const path = head.split(' ')[1]
    socket.end(path === '/early' ? 'nothing of HTTP' : 'HTTP/1.1 200 Fine\r\netag: "a"\r\nX-mixed: 1\r\nContent-length: 2\r\n\r\nok')
  })
  const basic = new BasicStrategy({ verify: verifyStatic(ACCOUNTS) })
  const { authenticate } = basic
  // Has something to say to those who are let in.
  Object.assign(basic, {
    authenticate (this: BasicStrategy, ...args: Parameters<typeof authenticate>) {
      const success = this.success
      this.success = (user, info) => success.call(this, user, { ...info as object, proxyAuthenticationInfo: { left: '3' }, proxyAuthenticate: { scheme: 'Basic', token68: 'b2s=' } })
      return authenticate.apply(this, args)
    }
  })
  const gate = await gateway(t, {
    strategies: [basic, new DigestStrategy(lookupStatic(ACCOUNTS))],
    attempts: { perUser: 1 },
    reverse: [{ prefix: '/api', upstream: origin.url }, { prefix: '/origin', upstream: origin.url, status: 401 }],
    after: app => { app.get('/own', { onRequest: proxyAuthenticate }, async () => 'own') }
  })
  const authority = new URL(origin.url).host
  const refused = ['Proxy-Authenticate', 'Cache-Control', 'Content-Type', 'Content-Length']
  const rows: Array<[request: string, names: string[]]> = [
    [connectHead('a.test:443'), [...refused, 'Connection']],
    [connectHead('a.test:443').replace('HTTP/1.1', 'HTTP/1.0'), [...refused, 'Connection']],
    [connectHead('no-port', INFORMED), ['Connection', 'Content-Type']],
    [connectHead('10.0.0.1:443', INFORMED), ['Proxy-Authentication-Info', 'Proxy-Authenticate', 'Proxy-Status', 'Connection', 'Content-Type']],
    [connectHead(authority, INFORMED), ['Proxy-Authentication-Info', 'Proxy-Authenticate']],
    [`GET http://${authority}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, refused],
    [`GET http://${authority}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['etag', 'X-mixed', 'Content-length', 'Via', 'Proxy-Authentication-Info', 'Proxy-Authenticate']],
    [`GET http://10.0.0.1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['Proxy-Authentication-Info', 'Proxy-Authenticate', 'Proxy-Status', 'Cache-Control']],
    [`GET http://${authority}/early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['Proxy-Authentication-Info', 'Proxy-Status']],
    [`POST http://${authority}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na`, [...refused]],
    ['GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', refused],
    [`GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['etag', 'X-mixed', 'Content-length', 'Via', 'Proxy-Authentication-Info']],
    [`GET /api/early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['Proxy-Authentication-Info', 'Proxy-Status']],
    ['GET /origin/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', ['WWW-Authenticate', 'Cache-Control', 'Content-Type']],
    [`GET /origin/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED.slice(6)}\r\n\r\n`, ['Authentication-Info', 'WWW-Authenticate', 'Via']],
    [`GET http://${authority}/ HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, [...refused, 'Connection']],
    [`GET /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`, refused],
    ['GET /own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', refused],
    [`GET /own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${INFORMED}\r\n\r\n`, ['Proxy-Authentication-Info', 'content-type', 'content-length']],
    [connectHead('a.test:443', WRONG), refused],
    [connectHead('a.test:443', WRONG), ['Retry-After', 'Connection']]
  ]
  for (const [request, wanted] of rows) {
    const client = await RawClient.to(t, gate.port)
    const text = await client.send(request).until(text => text.includes('\r\n\r\n'))
    client.socket.destroy()
    const names = namesIn(text)
    t.ok(names.length > 0, text)
    for (const name of wanted) t.ok(names.includes(name), `${request} gets ${name}: ${names.join()}`)
  }
})
