import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { addressGroup } from '../../lib/policy/attempts/address-group.js'
import { Aws4Strategy } from '../../lib/strategies/aws4/strategy.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { signedLines } from '../fixtures/aws4.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { openFiles } from '../fixtures/open-files.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'
import { socketPath } from '../fixtures/socket-path.js'

// Credentials that cover the content (AWS4, Digest with auth-int) are judged with the content, which is kept until then. The
// room for it is that of all clients, so nobody without such credentials may hold more of it than a share, nor for long.

const KEPT = 400_000
const SHARE = 100_000
const HEADS: readonly Form[] = ['origin-form', 'absolute-form']

const aws4 = () => new Aws4Strategy({
  region: 'local', service: 'proxy', lookup: id => id === 'alice' || id === 'bob' ? { secret: `${id}-secret` } : null
})
const digest = () => new DigestStrategy({
  lookup: username => username === 'alice' || username === 'bob' ? { password: `${username}-secret` } : null, qop: ['auth', 'auth-int']
})

async function around (t: Test, options: GatewayOptions = {}): Promise<Surroundings> {
  const authInt = { maxRequest: SHARE, maxKept: KEPT, maxPerAddress: SHARE, ...options.authInt }
  // Clients say who they are: all of them are on this machine.
  return await surroundings(t, { strategies: [basic(), digest(), aws4()], fastify: { trustProxy: true }, ...options, authInt })
}

interface Upload {
  readonly from?: string
  readonly lines: readonly string[]
  readonly length: number
}

/** A client that has sent the head of an upload, and all content but its last octet. */
async function upload (t: Test, { port, origin }: Surroundings, form: Form, { from = '192.0.2.1', lines, length }: Upload): Promise<RawClient> {
  const client = await RawClient.to(t, port)
  const fields = [...lines, `X-Forwarded-For: ${from}`, `Content-Length: ${length}`]
  client.send(message(form, origin.authority, fields, { method: 'POST' }))
  client.socket.write('x'.repeat(length - 1))
  return client
}

/** AWS4 credentials for `POST /` with `length` times `x` as content. */
function signed ({ origin }: Surroundings, form: Form, length: number, as: { accessKeyId?: string } = {}, headers: Record<string, string> = {}): string[] {
  const [host, target] = form === 'origin-form' ? ['gateway.test', '/api/'] : [origin.authority, `http://${origin.authority}/`]
  const lines = signedLines({ method: 'POST', target, headers: { host, ...headers }, content: 'x'.repeat(length) }, as)
  return [...lines, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
}

const junk = (line: string): string => line.replace(/Signature=[0-9a-f]{64}/, `Signature=${'0'.repeat(64)}`)
const refusal = async (client: RawClient): Promise<string> => await client.until(text => text.includes('\r\n\r\n'))

for (const form of HEADS) {
  t.test(`${form}: an unknown key, an unknown user: refused before anything of the content is kept (F-23)`, async t => {
    const surrounded = await around(t)
    const session = await DigestSession.start(t, surrounded, form)
    const unknown = `Proxy-Authorization: ${session.sign('/', { method: 'POST', username: 'nobody', content: 'x'.repeat(90_000) })}`
    for (const lines of [signed(surrounded, form, 90_000, { accessKeyId: 'nobody' }), [unknown]]) {
      const client = await upload(t, surrounded, form, { lines, length: 90_000 })
      t.match(await refusal(client), /^HTTP\/1.1 407 /)
      t.same(openFiles(), [])
      client.socket.destroy()
    }
    t.equal(surrounded.origin.connections, 0)
  })

  t.test(`${form}: a signature that is wrong whatever the content is: the content is not waited for (F-23)`, async t => {
    const surrounded = await around(t)
    const said = { 'x-amz-content-sha256': createHash('sha256').update('x'.repeat(90_000)).digest('hex') }
    const lines = signed(surrounded, form, 90_000, {}, said)
    const client = await upload(t, surrounded, form, { lines: lines.map(junk), length: 90_000 })
    t.match(await refusal(client), /^HTTP\/1.1 407 /)
    t.same(openFiles(), [])
    const right = await upload(t, surrounded, form, { lines, length: 90_000 })
    t.match(await right.send('x').answer(), /^HTTP\/1.1 200 /)
    const another = await upload(t, surrounded, form, { lines, length: 90_000 })
    t.match(await another.send('y').answer(), /^HTTP\/1.1 407 /, 'not the content that was signed')
    t.equal(surrounded.origin.seen.length, 1)
  })

  for (const scheme of ['AWS4', 'Digest']) {
    t.test(`${form}, ${scheme}: an address that holds its share gets 503, others go on (F-23)`, async t => {
      const surrounded = await around(t)
      const session = await DigestSession.start(t, surrounded, form)
      const lines = (length: number): string[] => scheme === 'AWS4'
        ? signed(surrounded, form, length)
        : [`Proxy-Authorization: ${session.sign('/', { method: 'POST', content: 'x'.repeat(length) })}`]
      const held = await upload(t, surrounded, form, { lines: lines(90_000), length: 90_000 })
      await until(() => openFiles().length === 1)
      const more = await upload(t, surrounded, form, { lines: lines(20_000), length: 20_000 })
      t.match(await refusal(more), /^HTTP\/1.1 503 [^]*/)
      const other = await upload(t, surrounded, form, { lines: lines(90_000), length: 90_000, from: '192.0.2.2' })
      t.match(await other.send('x').answer(), /^HTTP\/1.1 200 /)
      t.match(await held.send('x').answer(), /^HTTP\/1.1 200 /)
      const again = await upload(t, surrounded, form, { lines: lines(90_000), length: 90_000 })
      t.match(await again.send('x').answer(), /^HTTP\/1.1 200 /, 'what was let go of is free again')
    })
  }

  t.test(`${form}: octet by octet, the content is cut when its time is up (F-23)`, async t => {
    const surrounded = await around(t, { authInt: { contentTimeout: 10_000, contentDuration: 300 } })
    const session = await DigestSession.start(t, surrounded, form)
    const lines = [`Proxy-Authorization: ${session.sign('/', { method: 'POST', content: 'x'.repeat(90_000) })}`]
    const client = await upload(t, surrounded, form, { lines, length: 90_000 - 10_000 })
    const dripping = setInterval(() => client.socket.write('x'), 20)
    t.teardown(() => clearInterval(dripping))
    await client.end()
    clearInterval(dripping)
    await until(() => openFiles().length === 0)
    t.equal(surrounded.origin.connections, 0)
  })
}

t.test('IPv6 addresses of one network of 64 bits: one share (F-23)', async t => {
  const surrounded = await around(t)
  const session = await DigestSession.start(t, surrounded, 'absolute-form')
  const lines = (length: number): string[] => [`Proxy-Authorization: ${session.sign('/', { method: 'POST', content: 'x'.repeat(length) })}`]
  await upload(t, surrounded, 'absolute-form', { lines: lines(90_000), length: 90_000, from: '2001:db8::1' })
  await until(() => openFiles().length === 1)
  t.equal(addressGroup('2001:db8::1'), addressGroup('2001:db8::2'))
  const more = await upload(t, surrounded, 'absolute-form', { lines: lines(20_000), length: 20_000, from: '2001:db8::2' })
  t.match(await refusal(more), /^HTTP\/1.1 503 /)
  const other = await upload(t, surrounded, 'absolute-form', { lines: lines(20_000), length: 20_000, from: '2001:db8:0:1::2' })
  t.match(await other.send('x').answer(), /^HTTP\/1.1 200 /)
})

t.test('clients of a socket in the file system: one room, and no shares (F-23)', async t => {
  const path = socketPath(t)
  const surrounded = await around(t, { path, fastify: {} })
  const length = 60_000
  const sent = async (): Promise<RawClient> => {
    const client = await RawClient.over(t, connect({ path, allowHalfOpen: true }), 'connect')
    const lines = [...signed(surrounded, 'absolute-form', length), `Content-Length: ${length}`]
    return client.send(message('absolute-form', surrounded.origin.authority, lines, { method: 'POST', body: 'x'.repeat(length - 1) }))
  }
  const [one, two] = [await sent(), await sent()]
  t.match(await one.send('x').answer(), /^HTTP\/1.1 200 /)
  t.match(await two.send('x').answer(), /^HTTP\/1.1 200 /)
})

t.test('guessing names with content that is never sent: each unknown one counts as a wrong secret (F-23)', async t => {
  const surrounded = await around(t, { attempts: { perAddress: 1 } })
  const statuses: string[] = []
  // What does not show its secret counts as the twentieth part of a guess.
  for (let tries = 0; tries < 21; tries++) {
    const lines = signed(surrounded, 'absolute-form', 9_000, { accessKeyId: `nobody-${tries}` })
    const client = await upload(t, surrounded, 'absolute-form', { lines, length: 9_000 })
    statuses.push((await refusal(client)).slice(9, 12))
    client.socket.destroy()
  }
  t.same(statuses, [...Array(20).fill('407'), '429'])
})
