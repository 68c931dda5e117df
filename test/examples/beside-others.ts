// The examples with routes of an application and of other plugins, by what their comments say to paste.
import t from 'tap'
import { startExample } from '../fixtures/example.js'
import { ALICE } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { next, webSocket } from '../fixtures/web-sockets.js'

const { skip } = curl

t.test('reverse-beside-passport.mjs: the credentials of either side are good for that side alone', { skip }, async t => {
  const { lines: [api, me] } = await startExample(t, 'reverse-beside-passport')
  t.same(await paste(t, me!), { status: '200', body: '{"username":"alice"}' })
  t.equal((await paste(t, me!.replace('app-token', 'wrong'))).status, '401')
  t.equal((await paste(t, me!.replace('/me', '/api/'))).status, '407')
  t.same(await paste(t, api!), { status: '200', body: 'the service sees Authorization: undefined\n' })
  t.equal((await paste(t, api!.replace('ci-secret', 'wrong'))).status, '407')
  t.equal((await paste(t, api!.replace('/api/', '/me'))).status, '401')
  t.same(await paste(t, api!.replace('-H', "-H 'Authorization: Bearer for-it' -H")), { status: '200', body: 'the service sees Authorization: Bearer for-it\n' })
})

t.test('jwt-beside-sessions.mjs: a session gets a token, the token passes the gateway, and neither passes for the other', { skip }, async t => {
  const upstream = await origin(t)
  const folder = t.testdir()
  const { lines: [line], port } = await startExample(t, 'jwt-beside-sessions', { env: { UPSTREAM: upstream.url } })
  const [login, token, api] = line!.split(' && ')
  const url = `http://127.0.0.1:${port}`
  t.equal((await paste(t, login!.replace('carol-secret', 'wrong'), folder)).status, '401')
  t.equal((await paste(t, login!, folder)).status, '200')
  t.equal((await paste(t, token!, folder)).status, '200')
  t.same(await paste(t, api!, folder), { status: '200', body: 'origin' })
  t.equal((await paste(t, api!.replace('token)', 'token)x'), folder)).status, '407')
  t.equal((await paste(t, api!.replace('/api/', '/token'), folder)).status, '401')
  t.equal((await paste(t, `curl -b jar ${url}/api/`, folder)).status, '407')
  t.equal((await paste(t, `curl -H "Authorization: Bearer $(cat token)" ${url}/api/`, folder)).status, '407')
  t.match(upstream.seen, [{ headers: { 'proxy-authorization': undefined } }])
})

t.test('either.mjs: one of two credentials for one route, both for the other', { skip }, async t => {
  const { lines: [program, person, both] } = await startExample(t, 'either')
  t.same(await paste(t, program!), { status: '200', body: 'for ci\n' })
  t.same(await paste(t, person!), { status: '200', body: 'for a person\n' })
  t.same(await paste(t, both!), { status: '200', body: 'by ci\n' })
  t.equal((await paste(t, program!.replace('/report', '/deploy'))).status, '401')
  t.equal((await paste(t, person!.replace('/report', '/deploy'))).status, '407')
  t.equal((await paste(t, program!.replace('ci-secret', 'wrong'))).status, '407')
})

t.test('websocket.mjs: messages come back to an authenticated client, another gets 407', async t => {
  const { port } = await startExample(t, 'websocket')
  const url = `ws://127.0.0.1:${port}/chat`
  for (const headers of [undefined, { 'proxy-authorization': 'Basic YWxpY2U6d3Jvbmc=' }]) {
    const [, response] = await next<{ statusCode: number }>(webSocket(t, url, { headers }), 'unexpected-response')
    t.equal(response!.statusCode, 407)
  }
  const socket = webSocket(t, url, { headers: { 'proxy-authorization': ALICE } })
  await next(socket, 'open')
  socket.send('hello')
  t.equal(String((await next(socket, 'message'))[0]), 'hello, too')
})
