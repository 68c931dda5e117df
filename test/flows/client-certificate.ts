import { once } from 'node:events'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { ClientCertificateStrategy, createPolicy, proxyAuthenticate } from '../../lib/index.js'
import { certificate, certificateAuthority, openssl } from '../fixtures/certificate.js'
import type { Authority, Certificate } from '../fixtures/certificate.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { runProgram } from '../fixtures/run-program.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'

const curl = peer('curl')

/** A gateway that asks for certificates, and whose it takes. */
async function lab (t: Test, options: GatewayOptions): Promise<Gateway & { authority: Authority, trusted: Certificate }> {
  const authority = certificateAuthority(t)
  const { key, cert } = certificate(t, 'localhost')
  const https = { key, cert, allowHTTP1: true, requestCert: true, rejectUnauthorized: false, ca: authority.ca }
  const gate = await gateway(t, { ...options, fastify: { http2: true, https } as never })
  return Object.assign(gate, { authority, trusted: authority.issue('/CN=alice') })
}

t.test('a client certificate, in three forms and over HTTP/2: a trusted one is accepted, any other is 403', { skip: openssl.skip }, async t => {
  const target = await origin(t)
  const gate = await lab(t, { strategies: [new ClientCertificateStrategy()], reverse: [{ prefix: '/api', upstream: target.url }] })
  const stranger = certificateAuthority(t).issue('/CN=alice')
  const server = gate.authority.issue('/CN=alice', { usage: 'serverAuth' })
  const rows: Array<[name: string, pair: Partial<Certificate>, status: number]> = [
    ['one that we trust', gate.trusted, 200], ['none', {}, 403], ['of another authority', stranger, 403], ['of a server', server, 403]
  ]
  for (const [name, { key, cert }, status] of rows) {
    const pair = { key, cert, rejectUnauthorized: false }
    for (const text of [
      'GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      `GET ${target.url}/x HTTP/1.1\r\nHost: ${target.authority}\r\nConnection: close\r\n\r\n`,
      connectHead(target.authority)
    ]) {
      const client = await RawClient.toTls(t, gate.port, pair)
      const answer = readAnswer(await client.send(text).answer())
      t.match(answer, { status }, `${name}: ${text.slice(0, 8)}`)
      t.notOk('proxy-authenticate' in answer.fields)
      client.socket.destroy()
    }
    const client = await Http2Client.to(t, `https://localhost:${gate.port}`, pair)
    t.match(await client.ask({ ':scheme': 'http', ':authority': target.authority, ':path': '/' }), { status }, `${name}, HTTP/2`)
    const tunnel = client.send({ ':method': 'CONNECT', ':authority': target.authority }, null)
    t.match(await once(tunnel, 'response'), [{ ':status': status }])
  }
  t.ok(gate.proxied().length > 0)
  t.ok(gate.proxied().every(({ user, scheme }) => user === 'alice' && scheme === null))
})

t.test('no accepted certificate, beside another scheme: the client gets the challenge of that scheme', { skip: openssl.skip }, async t => {
  const target = await tcpOrigin(t)
  const gate = await lab(t, { strategies: [new ClientCertificateStrategy({ verify: (_certificate, name) => name === 'alice' ? { username: name } : null }), basic()] })
  const { key, cert } = gate.authority.issue('/CN=mallory')
  for (const pair of [{}, { key, cert }]) {
    const client = await Http2Client.to(t, `https://localhost:${gate.port}`, pair)
    const connect = { ':method': 'CONNECT', ':authority': target.authority }
    t.match(await client.ask(connect), { status: 407, fields: { 'proxy-authenticate': /^Basic / } })
    t.ok(await client.tunnel(target.authority, ALICE))
  }
  const { key: own, cert: right } = gate.trusted
  const client = await Http2Client.to(t, `https://localhost:${gate.port}`, { key: own, cert: right })
  t.match(await once(client.send({ ':method': 'CONNECT', ':authority': target.authority }, null), 'response'), [{ ':status': 200 }])
})

t.test('a session that is resumed: it has the certificate it had, or none if it had none', { skip: openssl.skip }, async t => {
  const gate = await lab(t, { strategies: [new ClientCertificateStrategy()], forward: { special: ['127.0.0.1:*'] } })
  const target = await tcpOrigin(t)
  const { key, cert } = gate.trusted
  for (const [pair, status] of [[{}, 403], [{ key, cert }, 200]] as const) {
    const options = { port: gate.port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], rejectUnauthorized: false, ...pair }
    const ask = async (socket: TLSSocket) => {
      const client = await RawClient.over(t, socket, 'secureConnect')
      return readAnswer(await client.send(connectHead(target.authority)).answer()).status
    }
    const first = connect(options)
    const given = once(first, 'session') as Promise<[Buffer]>
    t.equal(await ask(first), status)
    const [session] = await given
    first.destroy()
    const second = connect({ ...options, session })
    t.equal(await ask(second), status)
    t.equal(second.isSessionReused(), true)
  }
})

t.test('curl with a client certificate: it is accepted, without one it is 403', { skip: openssl.skip || curl.skip }, async t => {
  const target = await origin(t)
  const gate = await lab(t, { strategies: [new ClientCertificateStrategy()] })
  const { certFile, keyFile } = gate.trusted
  const run = async (...args: string[]) => await runProgram(t, curl.path, ['-s', '-w', '%{http_code} %{http_connect}', '-x', `https://localhost:${gate.port}`, '--proxy-insecure', ...args])
  for (const form of [[], ['-p']]) {
    t.match(await run(...form, '--proxy-cert', certFile, '--proxy-key', keyFile, target.url), { code: 0, stdout: /^origin200/ })
    t.match((await run(...form, target.url)).stdout, /403/)
  }
})

t.test('groups by organizational units: rules decide by them, in all forms', { skip: openssl.skip }, async t => {
  const target = await origin(t)
  const policy = createPolicy({
    rules: [
      { name: 'out', groups: ['left'], action: 'deny', reason: 'has left' },
      { name: 'in', groups: ['ops, on+call', 'caf\u00e9'], to: ['*:*'], action: 'allow' }
    ],
    default: 'deny'
  })
  const gate = await lab(t, {
    strategies: [new ClientCertificateStrategy({ groups: 'OU' })],
    forward: { special: ['127.0.0.1:*'], check: policy.check },
    after: app => app.get('/whoami', { onRequest: proxyAuthenticate }, async request => request.proxyAuth?.user)
  })
  const many = Array.from({ length: 300 }, (_, index) => `/OU=unit ${index}`).join('')
  const rows: Array<[subject: string, groups: string[] | number, status: number]> = [
    ['/CN=alice', [], 403],
    ['/OU=ops, on\\+call/CN=alice', ['ops, on+call'], 200],
    ['/OU=ops/CN=alice', ['ops'], 403],
    ['/CN=alice/OU=ops, on\\+call/OU=left', ['ops, on+call', 'left'], 403],
    ['/CN=alice/OU=a+OU=ops, on\\+call/OU=a', ['a', 'ops, on+call'], 200],
    ['/CN=alice/OU=cafe\u0301', ['caf\u00e9'], 200],
    [`/CN=alice${many}/OU=ops, on\\+call`, 301, 200]
  ]
  for (const [subject, groups, status] of rows) {
    const { key, cert } = gate.authority.issue(subject)
    const name = subject.slice(0, 60)
    const ask = async (text: string) => {
      const client = await RawClient.toTls(t, gate.port, { key, cert, rejectUnauthorized: false })
      const answer = readAnswer(await client.send(text).answer())
      client.socket.destroy()
      return answer
    }
    const { body } = await ask('GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    const user = JSON.parse(Buffer.from(body, 'latin1').toString()) as { groups: string[] }
    if (typeof groups === 'number') t.equal(user.groups.length, groups, name)
    else t.strictSame(user, { username: 'alice', groups }, name)
    for (const text of [`GET ${target.url}/x HTTP/1.1\r\nHost: ${target.authority}\r\nConnection: close\r\n\r\n`, connectHead(target.authority)]) {
      t.match(await ask(text), { status }, `${name}: ${text.slice(0, 8)}`)
    }
  }
})
