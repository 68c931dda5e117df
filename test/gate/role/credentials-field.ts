import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { consume, consumeReplaced, readCredentials } from '../../../lib/gate/role/credentials-field.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

/** A request as node gives it, with these lines in its head. */
async function received (t: Test, lines: string[]): Promise<IncomingMessage> {
  const server = createServer()
  const client = await RawClient.to(t, await listen(t, server))
  const request = new Promise<IncomingMessage>(resolve => server.once('request', (request, response) => {
    resolve(request)
    response.end()
  }))
  client.send(['GET / HTTP/1.1', ...lines, '', ''].join('\r\n'))
  return await request
}

const NAME = 'proxy-authorization'

t.test('one field with credentials: its value is found, whatever the case of its name', async t => {
  t.equal(readCredentials(await received(t, ['Host: a', 'PROXY-Authorization:  Basic dTpw ']), NAME), 'Basic dTpw')
  t.equal(readCredentials(await received(t, ['Host: a', 'Authorization: Basic dTpw']), NAME), undefined)
  t.equal(readCredentials(await received(t, ['Host: a', 'Proxy-Authorization:']), NAME), '')
  t.equal(readCredentials(await received(t, ['Host: a', 'If-Unmodified-Since: x']), NAME), undefined, 'a name as long')
})

t.test('two lines of credentials, of which node shows only the first: they are refused (R-CRED-1, R-NODE-1)', async t => {
  const request = await received(t, ['Host: a', 'Proxy-Authorization: Basic dTpw', 'X: y', 'proxy-authorization: Basic eDp5'])
  t.equal(request.headers[NAME], 'Basic dTpw')
  t.throws(() => readCredentials(request, NAME), { code: 'FST_PROXY_AUTH_DUPLICATE_FIELD', statusCode: 400 })
  const empty = await received(t, ['Host: a', 'Proxy-Authorization:', 'Proxy-Authorization:'])
  t.throws(() => readCredentials(empty, NAME), { code: 'FST_PROXY_AUTH_DUPLICATE_FIELD' })
})

t.test('two Host lines, which node accepts: they are refused (R-NODE-2)', async t => {
  const request = await received(t, ['Host: a', 'HOST: b'])
  t.equal(request.headers.host, 'a')
  t.throws(() => readCredentials(request, NAME), { code: 'FST_PROXY_AUTH_DUPLICATE_FIELD', statusCode: 400 })
  t.equal(readCredentials(await received(t, ['Host: a', 'From: b', 'From: c']), NAME), undefined, 'a name as long')
})

t.test('the error about two lines: its message does not tell the value', async t => {
  const request = await received(t, ['Host: a', 'Proxy-Authorization: Basic canary', 'Proxy-Authorization: Basic canary'])
  try {
    readCredentials(request, NAME)
    t.fail('accepted')
  } catch (error) {
    t.notMatch(JSON.stringify([error, (error as Error).message]), 'canary')
  }
})

t.test('a field that is consumed: it is nowhere any more, and nothing else is missing (R-CHAIN-1)', async t => {
  const lines = ['Host: a', 'X-Key: 1', 'proxy-AUTHORIZATION: Basic dTpw', 'Authorization: Basic eDp5', 'Cookie: c=1', 'x-key: 2', 'X: y']
  const request = await received(t, lines)
  consume(request, [NAME, 'x-key', 'absent'])
  t.same(request.rawHeaders, ['Host', 'a', 'Authorization', 'Basic eDp5', 'Cookie', 'c=1', 'X', 'y'])
  t.same(request.headers, { host: 'a', authorization: 'Basic eDp5', cookie: 'c=1', x: 'y' })
  t.same({ ...request.headersDistinct }, { host: ['a'], authorization: ['Basic eDp5'], cookie: ['c=1'], x: ['y'] })
})

t.test('a field that was looked at or hidden before: it is nowhere any more once consumed', async t => {
  const request = await received(t, ['Host: a', 'Proxy-Authorization: Basic dTpw', 'X: 1', 'X: 2'])
  t.ok(request.headersDistinct[NAME])
  delete request.headers[NAME]
  consume(request, [NAME])
  t.same(request.rawHeaders, ['Host', 'a', 'X', '1', 'X', '2'])
  t.same({ ...request.headersDistinct }, { host: ['a'], x: ['1', '2'] })
})

t.test('a field that stands first, and another one later: each can be consumed', async t => {
  const request = await received(t, ['Proxy-Authorization: Basic dTpw', 'Host: a', 'X-Key: 1'])
  consume(request, [NAME])
  consume(request, ['x-key'])
  t.same(request.rawHeaders, ['Host', 'a'])
  t.same({ ...request.headersDistinct }, { host: ['a'] })
})

t.test('a request without such a field: it stays as it was', async t => {
  const request = await received(t, ['Host: a', 'X: 1'])
  consume(request, [NAME])
  t.notOk(Object.hasOwn(request, 'headersDistinct'))
  t.same(request.rawHeaders, ['Host', 'a', 'X', '1'])
})

t.test('fields that stand in the place of those of node: none is left of those that are consumed, in whatever case', async t => {
  const headers = { host: 'a', [NAME]: 'Basic dTpw', 'Proxy-AUTHORIZATION': 'Basic dTpw', 'X-Key': '1', x: ['1', '2'] }
  const request = { headers } as unknown as FastifyRequest
  consumeReplaced(request, [NAME, 'x-key'])
  t.same(request.headers, { host: 'a', x: ['1', '2'] })
})
