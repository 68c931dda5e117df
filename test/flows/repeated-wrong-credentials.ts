import t from 'tap'
import { NegotiateStrategy, NtlmStrategy, lookupStatic, proxyAuthenticate } from '../../lib/index.js'
import { KERBEROS, negTokenInit } from '../fixtures/der.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const WRONG = `Proxy-Authorization: Basic ${Buffer.from('alice:wrong').toString('base64')}\r\n`
const RIGHT = `Proxy-Authorization: ${ALICE}\r\n`

t.test('one wrong password again and again: ten refusals, then the connection is closed, in all forms (F-9, S46)', async t => {
  const { url, authority, seen } = await origin(t)
  const { port } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: url }, { prefix: '/as-origin', upstream: url, status: 401 }],
    before: app => app.register(async scope => { scope.get('/own', { onRequest: async (...args: unknown[]) => await (app.proxyAuthenticate as (...args: unknown[]) => Promise<void>)(...args) }, async () => 'own') })
  })
  for (const line of [`GET ${url}/`, 'GET /api/', `CONNECT ${authority}`, 'GET /own', 'GET /as-origin/']) {
    const text = (credentials: string, fields = '') =>
      `${line} HTTP/1.1\r\nHost: a.test\r\n${fields}${line.includes('as-origin') ? credentials.replace('Proxy-', '') : credentials}\r\n`
    const client = await RawClient.to(t, port)
    const keeps: string[] = []
    for (let i = 0; i < 10; i++) {
      t.match(readAnswer(await client.send(text('')).answer()), { status: /407|401/, fields: { connection: 'keep-alive' } }, 'none are not wrong')
      keeps.push(readAnswer(await client.send(text(WRONG)).answer()).fields['connection']!)
      if (i === 5 && !line.startsWith('CONNECT')) t.match(await client.send(text(RIGHT)).answer(), / 200 /, 'right ones in between change nothing')
    }
    t.strictSame(keeps, [...new Array<string>(9).fill('keep-alive'), 'close'], line)
    await client.end()
    t.equal(client.text, '')
    const upgrade = await RawClient.to(t, port)
    if (!line.startsWith('CONNECT') && !line.includes('own')) {
      const offer = line.includes('http:') ? 'Connection: Upgrade\r\nUpgrade: chat\r\n' : 'Connection: Upgrade\r\nUpgrade: h2c\r\n'
      t.match(readAnswer(await upgrade.send(text(WRONG, offer)).answer()).status, /407|401/)
    }
  }
  t.equal(seen.length, 3)
})

t.test('the legs of handshakes: do not count, wrong responses at their end do (F-9)', async t => {
  const { url } = await origin(t)
  const { port } = await gateway(t, {
    strategies: [new NtlmStrategy({ lookup: lookupStatic({ alice: 'alice-secret' }).lookup }), basic()], connectionBound: true
  })
  const get = (credentials: string) => `GET ${url}/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${credentials}\r\n\r\n`
  const client = await RawClient.to(t, port)
  for (let i = 0; i < 15; i++) {
    t.match(readAnswer(await client.send(get(`NTLM ${negotiate()}`)).answer()), { status: 407, fields: { connection: 'keep-alive' } })
  }
  const first = negotiate()
  for (let i = 1; i <= 10; i++) {
    const asked = await client.send(get(`NTLM ${first}`)).answer()
    const token = /NTLM (\S+)/.exec(asked)![1]!
    const { fields } = readAnswer(await client.send(get(`NTLM ${authenticate(token, first, { password: 'wrong' })}`)).answer())
    t.equal(fields['connection'], i < 10 ? 'keep-alive' : 'close', String(i))
  }
})

t.test('one wrong ticket again and again: ten refusals, then the connection is closed (F-9)', async t => {
  const { url } = await origin(t)
  class WithoutKeytab extends NegotiateStrategy {
    override async prepare (): Promise<void> {}
  }
  const strategy = new WithoutKeytab({ initializeServer: async () => ({ contextComplete: false, async step () {} }) })
  const { port } = await gateway(t, { strategies: [strategy, basic()], connectionBound: true })
  const ticket = Buffer.from(negTokenInit([KERBEROS])).toString('base64')
  const client = await RawClient.to(t, port)
  for (let i = 1; i <= 10; i++) {
    const { status, fields } = readAnswer(await client.send(`GET ${url}/ HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Negotiate ${ticket}\r\n\r\n`).answer())
    t.strictSame([status, fields['connection']], [407, i < 10 ? 'keep-alive' : 'close'], String(i))
  }
})

t.test('refusals by the hook that another function overrules: do not count (F-9)', async t => {
  const { port } = await gateway(t, {
    before: app => {
      app.get('/either', {
        onRequest: async (request, reply) => {
          await proxyAuthenticate(request, reply).catch(() => { reply.code(200) })
        }
      }, async () => 'either')
    }
  })
  const client = await RawClient.to(t, port)
  for (let i = 0; i < 12; i++) {
    const { status, fields } = readAnswer(await client.send(`GET /either HTTP/1.1\r\nHost: a.test\r\n${WRONG}\r\n`).answer())
    t.strictSame([status, fields['connection']], [200, 'keep-alive'])
  }
  for (let i = 1; i <= 10; i++) {
    const { fields } = readAnswer(await client.send(`CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n${WRONG}\r\n`).answer())
    t.equal(fields['connection'], i < 10 ? 'keep-alive' : 'close')
  }
})

t.test('HTTP/2: ten refusals, then a session that takes no more streams and ends those it has (F-9)', async t => {
  const { url, authority } = await origin(t)
  const { url: gate } = await gateway(t, { fastify: { http2: true } as never, reverse: [{ prefix: '/api', upstream: url }] })
  const client = await Http2Client.to(t, gate)
  const tunnel = await client.tunnel(authority, ALICE)
  const goaway = new Promise<void>(resolve => client.session.once('goaway', resolve))
  const wrong = { 'proxy-authorization': `Basic ${Buffer.from('alice:wrong').toString('base64')}` }
  for (let i = 0; i < 10; i++) t.match(await client.ask({ ':path': '/api/', ...wrong }), { status: 407 })
  await goaway
  let text = ''
  tunnel.on('data', chunk => { text += String(chunk) })
  tunnel.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await new Promise(resolve => tunnel.once('end', resolve))
  t.match(text, /^HTTP\/1\.1 200 /, 'the tunnel goes on')
})
