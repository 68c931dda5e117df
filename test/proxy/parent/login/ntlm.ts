import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { NtlmStrategy, lookupStatic } from '../../../../lib/index.js'
import { ParentNtlmLogin } from '../../../../lib/proxy/parent/login/ntlm.js'
import type { ParentNtlmCredentials } from '../../../../lib/policy/parent/credentials.js'
import { AV } from '../../../../lib/schemes/ntlm/av-pairs.js'
import { channelBinding } from '../../../../lib/schemes/ntlm/channel-bindings.js'
import { ntHash } from '../../../../lib/schemes/ntlm/keys.js'
import { readMessage } from '../../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage } from '../../../../lib/schemes/ntlm/message.js'
import { readResponse } from '../../../../lib/schemes/ntlm/verify.js'
import type { NtlmV2Response } from '../../../../lib/schemes/ntlm/verify.js'
import { certificate, openssl } from '../../../fixtures/certificate.js'
import { gateway } from '../../../fixtures/gateway.js'
import type { GatewayOptions } from '../../../fixtures/gateway.js'
import { askFor, credentialsOf, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'
import { vectors } from '../../../fixtures/vectors.js'

/** A challenge of MS-NLMP's worked example, without a time. */
const CHALLENGE = vectors<{ id: string, field_value: string }>('ntlm').find(({ id }) => id === 'NT-CHALLENGE')!.field_value
const { lookup } = lookupStatic({ alice: 'alice-secret' })
const login = (more: Partial<ParentNtlmCredentials> = {}, host = 'parent.test') =>
  new ParentNtlmLogin({ scheme: 'NTLM', username: 'alice', password: 'alice-secret', ...more }, host)
const messageOf = (credentials: string | undefined) => readMessage(credentials!.slice('NTLM '.length))

t.test('a parent that was never asked: nothing goes unasked, and content waits for the last leg', async t => {
  const account = login()
  const attempt = account.attempt(askFor())
  t.equal(await attempt.first(), null)
  t.equal(messageOf(credentialsOf(await attempt.next(['Negotiate, NTLM', 'Basic realm="x"']))).type, 1)
  t.equal(attempt.ready, false)
  t.equal(messageOf(credentialsOf(await attempt.next([CHALLENGE]))).type, 3)
  t.equal(attempt.ready, true)
  t.match(account, { scheme: 'NTLM', account: /^alice#\d+$/, bindsConnection: true, ready: false, isWanted: false })
  await attempt.succeeded([], [])
  t.equal(messageOf(credentialsOf(await account.attempt(askFor()).first())).type, 1, 'the next connection begins at once')
})

t.test('a parent that did not ask: nothing goes unasked the next time either', async t => {
  const account = login()
  await account.attempt(askFor()).succeeded([], [])
  t.equal(await account.attempt(askFor()).first(), null)
})

t.test('the last leg: says which parent and which TLS connection it is for, who and from where', { skip: openssl.skip }, async t => {
  const { cert } = certificate(t, 'parent.test')
  const attempt = login({ domain: 'CORP', workstation: 'GW' }).attempt(askFor({ certificate: new X509Certificate(cert) }))
  await attempt.next(['NTLM'])
  const message = messageOf(credentialsOf(await attempt.next([CHALLENGE]))) as AuthenticateMessage
  t.match(message, { user: 'alice', domain: 'CORP', workstation: 'GW' })
  const { pairs } = readResponse(message) as NtlmV2Response
  t.equal(pairs.get(AV.targetName)?.toString('utf16le'), 'HTTP/parent.test')
  t.same(pairs.get(AV.channelBindings), channelBinding(new X509Certificate(cert).raw))
})

t.test('challenges that cannot be answered: the parent has refused, and nothing is said on this connection any more', async t => {
  const rows: Array<[lines: string[], before: number]> = [
    [[], 0], [['Basic realm="x"'], 0], [['NTLM "'], 0], [[CHALLENGE], 0],
    [['NTLM'], 1], [['NTLM TlRMTVNTUAA='], 1], [['NTLM AAAA'], 1], [['Negotiate AAAA'], 1], [[], 1], [['NTLM'], 2], [[CHALLENGE], 2]
  ]
  for (const [lines, before] of rows) {
    const attempt = login().attempt(askFor())
    for (const leg of ['NTLM', CHALLENGE].slice(0, before)) await attempt.next([leg])
    t.equal(await attempt.next(lines), null, `${lines.join()} ${before}`)
    t.equal(await attempt.next(['NTLM']), null)
  }
})

for (const [name, credentials] of [['a password', {}], ['its hash', { password: undefined, ntHash: ntHash('alice-secret').toString('hex') }]] as const) {
  t.test(`${name} at a gateway of ours: one handshake for each connection`, async t => {
    const { authority } = await tcpOrigin(t)
    const { port } = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true })
    const account = login(credentials as Partial<ParentNtlmCredentials>, '127.0.0.1')
    const ask = async () => await logIn(await RawClient.to(t, port), account, askFor({ uri: authority, authority }))
    t.match(await ask(), { status: 200, sent: { length: 3 } })
    t.match(await ask(), { status: 200, sent: { length: 2 } })
  })
}

t.test('a wrong password at a gateway of ours: is refused after one handshake', async t => {
  const { authority } = await tcpOrigin(t)
  const { port } = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true })
  const { status, sent } = await logIn(await RawClient.to(t, port), login({ password: 'wrong' }), askFor({ uri: authority, authority }))
  t.match([status, sent.length], [407, 3])
})

t.test('TLS at a gateway of ours that compares both: a login for it is taken, one for another parent or connection is not', { skip: openssl.skip }, async t => {
  const { authority } = await tcpOrigin(t)
  const [own, other] = [certificate(t, 'parent.test'), certificate(t, 'other.test')]
  const fastify = { https: { key: own.key, cert: own.cert } } as GatewayOptions['fastify'] & object
  const { port } = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true, fastify })
  const ask = async (host: string, cert: string) => {
    const client = await RawClient.toTls(t, port, { ca: own.cert, servername: 'parent.test' })
    const request = askFor({ uri: authority, authority, certificate: new X509Certificate(cert) })
    return (await logIn(client, login({}, host), request)).status
  }
  t.equal(await ask('parent.test', own.cert), 200)
  t.equal(await ask('other.test', own.cert), 407)
  t.equal(await ask('parent.test', other.cert), 407)
})
