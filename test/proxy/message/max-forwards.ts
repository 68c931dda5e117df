import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { respondAsLast, isLastRecipient } from '../../../lib/proxy/message/max-forwards.js'
import { RawClient } from '../../fixtures/raw-client.js'

t.test('TRACE and OPTIONS with nothing left in Max-Forwards: they end here (R-MAXF-1)', async t => {
  const isLast = (method: string, value?: string) => isLastRecipient({ method, headers: { 'max-forwards': value } } as unknown as FastifyRequest)
  for (const method of ['TRACE', 'OPTIONS']) {
    t.equal(isLast(method, '0'), true)
    for (const value of ['1', '00x', '', undefined]) t.equal(isLast(method, value), false)
  }
  t.equal(isLast('GET', '0'), false)
})

async function answer (t: Test, head: string): Promise<string> {
  const app = Fastify()
  app.route({ url: '*', method: ['TRACE', 'OPTIONS'], handler: async (request, reply) => respondAsLast(request, reply) })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const client = await RawClient.to(t, (app.server.address() as AddressInfo).port)
  return await client.send(`${head}\r\nConnection: close\r\n\r\n`).end()
}

t.test('a TRACE that ends here: its response shows what came, but no credentials and no cookies (R-MAXF-4)', async t => {
  const secret = 'AUTHORIZATION: canary\r\nProxy-Authorization: canary\r\ncookie: canary\r\n'
  const text = await answer(t, `TRACE http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nX-A: \xe9\r\n${secret}x-a: 2\r\nMax-Forwards: 0`)
  t.match(text, /^HTTP\/1\.1 200 [^]*\r\ncontent-type: message\/http\r\n/)
  t.ok(text.endsWith('\r\n\r\nTRACE http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nX-A: \xe9\r\nx-a: 2\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n'))
})

t.test('an OPTIONS that ends here: its response has no content', async t => {
  t.match(await answer(t, 'OPTIONS http://a.test/ HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0'), /^HTTP\/1\.1 200 [^]*content-length: 0\r\n[^]*\r\n\r\n$/)
})
