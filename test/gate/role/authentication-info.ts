import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { addAuthenticationInfo, addFinalToken, addStrategyInfo, dropAuthenticationInfo, respondAs } from '../../../lib/gate/role/authentication-info.js'
import { ORIGIN, PROXY } from '../../../lib/gate/role/role.js'

/** The fields of an answer on which `act` has acted, without those that every answer has. */
async function answer (t: Test, act: (reply: FastifyReply) => void): Promise<Record<string, unknown>> {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/', (_request, reply) => {
    act(reply)
    reply.code(204).send()
  })
  const { statusCode, headers, body } = await app.inject('/')
  t.equal(statusCode, 204, body)
  const { date, connection, ...rest } = headers
  return rest
}

t.test('parameters without a scheme: they go into the field of the mode (R-PAI-4)', async t => {
  const params = { nextnonce: 'abc', qop: 'auth' }
  t.same(await answer(t, reply => addAuthenticationInfo(reply, params)), { 'proxy-authentication-info': 'nextnonce="abc", qop=auth' })
  t.same(await answer(t, reply => addAuthenticationInfo(reply, params, ORIGIN)), { 'authentication-info': 'nextnonce="abc", qop=auth' })
})

t.test('parameters that come later: they are added, or replace those of the same name', async t => {
  t.same(await answer(t, reply => {
    addAuthenticationInfo(reply, { a: '1', b: '2' })
    addAuthenticationInfo(reply, { b: '3', c: '4' })
  }), { 'proxy-authentication-info': 'a=1, b=3, c=4' })
})

t.test('a response of an origin: what is added later goes into its own field, and nothing of the other (F-40)', async t => {
  t.same(await answer(t, reply => {
    addAuthenticationInfo(reply, { nextnonce: 'of the proxy' })
    respondAs(reply, ORIGIN)
    addAuthenticationInfo(reply, { a: '1' })
    addAuthenticationInfo(reply, { b: '2' })
  }), { 'proxy-authentication-info': 'nextnonce="of the proxy"', 'authentication-info': 'a=1, b=2' })
})

t.test('no parameters: there is no field', async t => {
  t.same(await answer(t, reply => addAuthenticationInfo(reply, {})), {})
})

t.test('parameters that cannot be sent: they are refused, and leave nothing behind (R-SEC-5)', async t => {
  t.same(await answer(t, reply => {
    for (const params of [{ a: 'x\r\nVia: y' }, { 'a b': 'x' }, { nc: '1' }] as Array<Record<string, string>>) {
      t.throws(() => addAuthenticationInfo(reply, params), { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE', statusCode: 500 })
    }
    addAuthenticationInfo(reply, { b: '1' })
  }), { 'proxy-authentication-info': 'b=1' })
})

t.test('parameters in the info of a strategy: they go into the field of the mode as well', async t => {
  const info = { scope: 'all', proxyAuthenticationInfo: { rspauth: '6629' } }
  t.same(await answer(t, reply => addStrategyInfo(reply, info, PROXY)), { 'proxy-authentication-info': 'rspauth="6629"' })
  t.same(await answer(t, reply => addStrategyInfo(reply, info, ORIGIN)), { 'authentication-info': 'rspauth="6629"' })
})

t.test('info of a strategy without parameters: there is no field (R-PAI-3)', async t => {
  for (const info of [{}, null, undefined, 'text', { proxyAuthenticationInfo: null }, { proxyAuthenticationInfo: 'nextnonce="x"' }]) {
    t.same(await answer(t, reply => addStrategyInfo(reply, info, PROXY)), {})
  }
})

t.test('parameters that are taken back: ours go, and those of others stay', async t => {
  t.same(await answer(t, reply => {
    addAuthenticationInfo(reply, { a: '1' })
    dropAuthenticationInfo(reply)
  }), {})
  t.same(await answer(t, reply => {
    reply.header('proxy-authentication-info', 'theirs')
    addAuthenticationInfo(reply, { a: '1' }, ORIGIN)
    reply.removeHeader('authentication-info')
    dropAuthenticationInfo(reply)
  }), { 'proxy-authentication-info': 'theirs' })
})

t.test('a last token: it goes into the field of the challenges, alone (R-NEG-4)', async t => {
  const info = { proxyAuthenticate: { scheme: 'Negotiate', token68: 'b2s=' } }
  t.same(await answer(t, reply => addFinalToken(reply, info, PROXY)), { 'proxy-authenticate': 'Negotiate b2s=' })
  t.same(await answer(t, reply => addFinalToken(reply, info, ORIGIN)), { 'www-authenticate': 'Negotiate b2s=' })
  for (const none of [{}, null, undefined, { proxyAuthenticate: null }, { proxyAuthenticate: 'Negotiate b2s=' }]) {
    t.same(await answer(t, reply => addFinalToken(reply, none, PROXY)), {})
  }
  t.same(await answer(t, reply => {
    const evil = { proxyAuthenticate: { scheme: 'Negotiate', token68: 'b2s=\r\nVia: x' } }
    t.throws(() => addFinalToken(reply, evil, PROXY), { code: 'FST_PROXY_AUTH_NOT_REPRESENTABLE' })
  }), {})
})
