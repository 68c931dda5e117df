import t from 'tap'
import { isOfOneUser } from '../../lib/platform/connection.js'

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
