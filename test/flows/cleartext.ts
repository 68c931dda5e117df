import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls } from 'node:tls'
import Fastify from 'fastify'
import t from 'tap'
import { readEnvironment } from '../../demo/environment.js'
import proxyAuth from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const elsewhere = Object.values(networkInterfaces()).flat().find(entry => entry?.internal === false && entry.family === 'IPv4')?.address
const skip = elsewhere === undefined ? 'this machine has loopback only' : false
const key = {
  strategy: foreign('key', function ({ headers }) { headers.authorization === 'Key k' ? this.success('key') : this.fail() }), scheme: 'Key'
}
const RIGHT = [`Proxy-Authorization: ${ALICE}`]

for (const form of FORMS) {
  t.test(`${form}: Basic from elsewhere, without TLS (R-CH-14, R-BASIC-12)`, { skip }, async t => {
    t.test("cleartext: 'refuse'", async t => {
      const around = await surroundings(t, { host: '0.0.0.0', cleartext: 'refuse', strategies: [basic(), key] })
      const ask = async (host: string, fields: string[]) =>
        readAnswer(await (await RawClient.to(t, around.port, host)).send(message(form, around.origin.authority, fields)).answer())
      t.equal((await ask('127.0.0.1', RIGHT)).status, 200)
      const { status, fields } = await ask(elsewhere!, RIGHT)
      t.equal(status, 407)
      t.equal(fields['proxy-authenticate'], 'Key realm="Gateway"', 'is not even offered')
      t.equal((await ask(elsewhere!, ['Proxy-Authorization: Key k'])).status, 200)
    })

    t.test("cleartext: 'refuse', and nothing else to ask for", async t => {
      const around = await surroundings(t, { host: '0.0.0.0', cleartext: 'refuse' })
      const client = await RawClient.to(t, around.port, elsewhere)
      const { status, fields } = readAnswer(await client.send(message(form, around.origin.authority, RIGHT)).answer())
      t.equal(status, 403)
      t.notOk('proxy-authenticate' in fields)
      t.equal(around.origin.connections, 0)
    })

    t.test("cleartext: 'warn'", async t => {
      const around = await surroundings(t, { host: '0.0.0.0' })
      t.ok(around.log.some(({ level, msg }) => level === 40 && /TLS/.test(String(msg))))
      const client = await RawClient.to(t, around.port, elsewhere)
      t.equal(readAnswer(await client.send(message(form, around.origin.authority, RIGHT)).answer()).status, 200)
    })
  })

  t.test(`${form}: Basic from elsewhere, over TLS`, { skip: skip || openssl.skip }, async t => {
    const { cert, key } = certificate(t, 'gateway.test')
    const around = await surroundings(t, { host: '0.0.0.0', cleartext: 'refuse', fastify: { https: { cert, key } } as never })
    const socket = connectTls({ port: around.port, host: elsewhere, servername: 'gateway.test', ca: cert })
    const client = await RawClient.over(t, socket, 'secureConnect')
    t.equal(readAnswer(await client.send(message(form, around.origin.authority, RIGHT)).answer()).status, 200)
  })
}

t.test('a listener without a given address: it is on loopback (R-SEC-9)', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(proxyAuth, { realm: 'Gateway', strategies: [basic()], forward: {} })
  await app.listen()
  for (const { address } of app.addresses() as AddressInfo[]) t.match(address, /^(127\.|::1$)/)
  t.equal(readEnvironment({}).host, '127.0.0.1', 'the demo, too')
})
