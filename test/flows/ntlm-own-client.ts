// The client's half of NTLM against the server's half, over sockets. What it says to Samba is in ntlm-samba.ts.
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { NtlmStrategy, answerNtlmChallenge, lookupStatic } from '../../lib/index.js'
import type { NtlmLogin } from '../../lib/index.js'
import { ntHash } from '../../lib/schemes/ntlm/keys.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic, gateway } from '../fixtures/gateway.js'
import { ntlmLogin } from '../fixtures/ntlm-login.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

const { lookup } = lookupStatic({ alice: 'alice-secret', 'Zoë Müller': 'zoë-秘密' })
const ALICE: NtlmLogin = { username: 'alice', password: 'alice-secret' }
const strategies = () => [new NtlmStrategy({ lookup }), basic()]
const statusOf = (response: string) => Number(response.slice(9, 12))
const request = (form: Form, { origin }: Surroundings, fields: string[] = []) => message(form, `origin.test:${origin.port}`, fields)

for (const form of FORMS) {
  t.test(`${form}: the right password is accepted in two legs, and a wrong one is given up after them (R-NTLM-1, R-NTLM-4)`, async t => {
    const here = await surroundings(t, { strategies: strategies(), connectionBound: true })
    const ask = async (login: NtlmLogin) => {
      const client = await RawClient.to(t, here.port)
      return { client, ...await ntlmLogin(login, async credentials => await client.send(request(form, here, [`Proxy-Authorization: ${credentials}`])).answer()) }
    }
    for (const login of [ALICE, { username: 'alice', ntHash: ntHash('alice-secret') }, { username: 'Zoë Müller', password: 'zoë-秘密', domain: 'DÖM', workstation: 'PC' }]) {
      const { client, response, legs } = await ask(login)
      t.equal(statusOf(response), 200, login.username)
      t.equal(legs, 2)
      if (form !== 'CONNECT') t.equal(statusOf(await client.send(request(form, here)).answer()), 200, 'and the connection is the user\'s')
      client.socket.destroy() // a tunnel is logged when it ends
      await here.logged(({ proxy }) => (proxy as { user?: string } | undefined)?.user === login.username)
    }
    for (const changes of [{ password: 'wrong' }, { username: 'mallory' }]) {
      const { response, legs } = await ask({ ...ALICE, ...changes })
      t.equal(statusOf(response), 407)
      t.equal(legs, 2)
    }
  })

  t.test(`${form}, TLS: the login is bound to this connection and to the proxy's name, and another's is refused (R-NTLM-9)`, { skip: openssl.skip }, async t => {
    const { cert, key } = certificate(t, 'proxy.test')
    const other = new X509Certificate(certificate(t, 'other.test').cert)
    const here = await surroundings(t, { strategies: strategies(), connectionBound: true, fastify: { https: { cert, key } } as never })
    const ask = async (changes: Partial<NtlmLogin> = {}) => {
      const client = await RawClient.toTls(t, here.port, { ca: cert, servername: 'proxy.test' })
      const login = { ...ALICE, certificate: (client.socket as TLSSocket).getPeerX509Certificate(), targetName: 'HTTP/proxy.test', ...changes }
      const { response } = await ntlmLogin(login, async credentials => await client.send(request(form, here, [`Proxy-Authorization: ${credentials}`])).answer())
      return statusOf(response)
    }
    t.equal(await ask(), 200)
    t.equal(await ask({ certificate: other }), 407)
    t.equal(await ask({ targetName: 'HTTP/other.test' }), 407)
    for (const reason of ['binding', 'target']) await here.logged(({ refusal }) => (refusal as { reason?: string } | undefined)?.reason === reason)
  })
}

t.test('a route that is an origin: its challenge is answered as that of a proxy', async t => {
  const upstream = await origin(t)
  const { port } = await gateway(t, { strategies: strategies(), connectionBound: true, reverse: [{ prefix: '/api', upstream: upstream.url, status: 401 }] })
  for (const [login, status] of [[ALICE, 200], [{ ...ALICE, password: 'wrong' }, 401]] as const) {
    const client = await RawClient.to(t, port)
    const { response } = await ntlmLogin(login, async credentials => await client.send(`GET /api/ HTTP/1.1\r\nHost: x\r\nAuthorization: ${credentials}\r\n\r\n`).answer())
    t.equal(statusOf(response), status)
  }
})

t.test('a gateway that offers no NTLM: nothing is sent', async t => {
  const here = await surroundings(t)
  const refused = await (await RawClient.to(t, here.port)).send(request('absolute-form', here)).answer()
  t.equal(answerNtlmChallenge(/\r\nproxy-authenticate: (.*)\r\n/i.exec(refused)?.[1] ?? '', ALICE), null)
})
