import type { Socket } from 'node:net'
import t from 'tap'
import { isInTheClear, isOfOneUser } from '../../lib/platform/connection.js'

t.test('an HTTP/1.1 request without a sign of another proxy: only the connection of such a one is of one user (R-NEG-10, R-CH-13)', async t => {
  t.ok(isOfOneUser({ httpVersion: '1.1', headers: { 'x-request-id': '1' } }))
  for (const httpVersion of ['1.0', '2.0']) t.notOk(isOfOneUser({ httpVersion, headers: {} }))
  for (const name of ['via', 'forwarded', 'x-forwarded-for']) t.notOk(isOfOneUser({ httpVersion: '1.1', headers: { [name]: 'x' } }))
})

t.test('a CONNECT of HTTP/1.0: where it asks to keep its connection (F-8)', async t => {
  const ask = (method: string, connection: string | undefined, fields = {}) =>
    isOfOneUser({ httpVersion: '1.0', method, headers: { ...(connection !== undefined && { 'proxy-connection': connection }), ...fields } })
  for (const value of ['Keep-Alive', ' keep-alive ']) t.equal(ask('CONNECT', value), true)
  for (const value of [undefined, 'close', 'keep-alive, close']) t.equal(ask('CONNECT', value), false)
  t.equal(ask('GET', 'keep-alive'), false)
  t.equal(ask('CONNECT', 'keep-alive', { via: '1.1 edge' }), false)
})

t.test('a connection from elsewhere without TLS: only that can be read on the way (R-CH-14, R-BEARER-9)', async t => {
  const isClear = (remoteAddress: string | undefined, others = {}) => isInTheClear({ remoteAddress, ...others } as Socket)
  for (const address of ['127.0.0.1', '127.8.7.6', '::1', '::ffff:127.0.0.1', undefined]) t.equal(isClear(address), false, address ?? 'none')
  t.equal(isClear('192.0.2.9', { encrypted: true }), false)
  for (const address of ['192.0.2.9', '::ffff:192.0.2.9', '2001:db8::127.0.0.1']) t.equal(isClear(address), true, address)
})
