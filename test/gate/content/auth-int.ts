import { ServerResponse, createServer } from 'node:http'
import Fastify from 'fastify'
import type { FastifyReply } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { addStrategyInfo } from '../../../lib/gate/role/authentication-info.js'
import { ORIGIN, PROXY } from '../../../lib/gate/role/role.js'
import type { Role } from '../../../lib/gate/role/role.js'
import { protectResponse } from '../../../lib/gate/content/auth-int.js'
import { md5 } from '../../fixtures/covering.js'

const infoOf = (qop: unknown) => ({
  proxyAuthenticationInfo: { nextnonce: 'n', qop: 'auth', rspauth: 'none' },
  digest: {
    qop,
    nodeHash: 'md5',
    authenticationInfo: (contentHash?: string) => contentHash === undefined ? { qop: 'auth', rspauth: 'none' } : { qop: 'auth-int', rspauth: contentHash }
  }
})

interface Asked { mode?: Role, maxAnswer?: number, send?: (reply: FastifyReply) => unknown }

/** What the answer says, when the strategy has said `info`. */
async function answer (t: Test, info: unknown, { mode = PROXY, maxAnswer = 1000, send = reply => reply.send('content') }: Asked = {}) {
  const app = Fastify()
  t.teardown(() => app.close())
  const untouched: boolean[] = []
  app.get('/', (_request, reply) => {
    addStrategyInfo(reply, info, mode)
    protectResponse(reply, info, mode, maxAnswer)
    untouched.push(!Object.hasOwn(reply.raw, 'write'))
    send(reply)
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { headers } = await fetch(url)
  return { said: headers.get('proxy-authentication-info') ?? headers.get('authentication-info'), untouched: untouched[0] }
}

t.test('auth-int: with the hash of the content, in the place of what was said before (R-PAI-8, R-TRL-2)', async t => {
  const said = `nextnonce="n", qop=auth-int, rspauth="${md5('content')}"`
  t.match(await answer(t, infoOf('auth-int')), { said, untouched: false })
  t.match(await answer(t, infoOf('auth-int'), { mode: ORIGIN }), { said }, 'and where we are the origin')
})

t.test('the start of a WebSocket over HTTP/2: the hash is that of no content', t => {
  const raw = { method: 'GET', headers: { ':protocol': 'websocket' } }
  const headers: Record<string, unknown> = {}
  const reply = { request: { raw, method: 'GET' }, raw: new ServerResponse(raw as never), header: (name: string, value: unknown) => { headers[name] = value } }
  protectResponse(reply as never, infoOf('auth-int'), PROXY, 1000)
  t.match(headers, { 'proxy-authentication-info': `qop=auth-int, rspauth="${md5('')}"` })
  t.end()
})

t.test('parameters that a handler adds: they stay beside the hash', async t => {
  const send = (reply: FastifyReply) => {
    addStrategyInfo(reply, { proxyAuthenticationInfo: { left: '3' } }, PROXY)
    reply.send('content')
  }
  t.match(await answer(t, infoOf('auth-int'), { send }), { said: `nextnonce="n", qop=auth-int, rspauth="${md5('content')}", left=3` })
})

t.test('a response that is too long to be held: it says qop=auth, without a hash (R-PAI-8)', async t => {
  const send = (reply: FastifyReply) => {
    reply.raw.writeHead(200, reply.getHeaders() as Record<string, string>).write('cont')
    reply.raw.end('ent')
    reply.hijack()
  }
  t.match(await answer(t, infoOf('auth-int'), { maxAnswer: 3, send }), { said: 'nextnonce="n", qop=auth, rspauth="none"' })
})

t.test('a response without auth-int: it is left alone', async t => {
  const said = 'nextnonce="n", qop=auth, rspauth="none"'
  for (const qop of ['auth', undefined]) t.same(await answer(t, infoOf(qop)), { said, untouched: true })
  for (const info of [null, undefined, {}, 'text', { digest: 'sha256' }, { digest: null }]) t.same(await answer(t, info), { said: null, untouched: true })
})

t.test('CONNECT: the 200, which nobody writes by `writeHead`, has no content (R-TRL-6)', async t => {
  const fields: Record<string, unknown> = {}
  const raw = createServer() // anything with methods to replace
  const reply = {
    request: { raw: { headers: {}, httpVersion: '1.1', method: 'CONNECT' }, method: 'CONNECT' },
    raw: Object.assign(raw, { writeHead () {}, write () {}, end () {}, flushHeaders () {}, addTrailers () {} }),
    header: (name: string, value: string) => { fields[name] = value }
  } as unknown as FastifyReply
  addStrategyInfo(reply, infoOf('auth-int'), PROXY)
  protectResponse(reply, infoOf('auth-int'), PROXY, 1000)
  t.same(fields, { 'proxy-authentication-info': `nextnonce="n", qop=auth-int, rspauth="${md5('')}"` })
})
