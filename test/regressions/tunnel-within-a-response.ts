// A reply that sends a stream is not `sent` to Fastify before its end. Where the application had responded with one while a target was
// dialled, the 200 of the tunnel went out in the midst of its content.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { listening } from '../fixtures/listening.js'
import { RawClient } from '../fixtures/raw-client.js'

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** A gateway whose application responds to all requests with a stream, when it is told to. */
async function world (t: Test, settings: { check?: () => Promise<boolean>, http2?: boolean } = {}) {
  const content = new Readable({ read () {} })
  let respond = () => {}
  const target = createServer(socket => socket.on('error', () => {}))
  const port = await listening(t, target as never)
  const gate = await gateway(t, {
    forward: { special: ['127.0.0.1:*'], ...(settings.check && { check: settings.check }) },
    reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}`, websocket: true }],
    ...(settings.http2 === true && { fastify: { http2: true } as object }),
    before: (app: FastifyInstance) => app.addHook('onRequest', (_request, reply, done) => {
      respond = () => { reply.code(504).send(content) }
      done()
    })
  })
  content.push('one')
  return { gate, target, authority: `127.0.0.1:${port}`, respond: () => respond(), end: () => { content.push('two'); content.push(null) } }
}

/** A check of targets that waits to be told. */
function waiting (): { check: () => Promise<boolean>, asked: Promise<void>, settle: (verdict: boolean | Error) => void } {
  let ask = () => {}
  let settle = (_verdict: boolean | Error) => {}
  const asked = new Promise<void>(resolve => { ask = resolve })
  const settled = new Promise<boolean>((resolve, reject) => {
    settle = (verdict) => { if (typeof verdict === 'boolean') resolve(verdict); else reject(verdict) }
  })
  return { check: async () => { ask(); return await settled }, asked, settle }
}

const VERDICTS: Record<string, boolean | Error> = { 'lets it through': true, refuses: false, fails: new Error('of the policy') }

for (const [what, verdict] of Object.entries(VERDICTS)) {
  t.test(`a response of the application is under way when the policy ${what}: it stays the only one of a CONNECT`, async t => {
    const { check, asked, settle } = waiting()
    const { gate, target, authority, respond, end } = await world(t, { check })
    const client = await RawClient.to(t, gate.port)
    client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    await asked
    respond()
    await client.until(text => text.includes('one'))
    const dialled = once(target, 'connection') as Promise<[Socket]>
    settle(verdict)
    if (verdict === true) await dialled.then(([socket]) => once(socket.resume(), 'close'))
    await gate.logged(({ proxy }) => proxy !== undefined)
    end()
    const text = await client.end()
    t.match(text, /^HTTP\/1\.1 504 [^]*\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/)
    t.equal(text.split('HTTP/1.1 ').length, 2)
  })

  t.test(`a response of the application is under way when the policy ${what}: it stays the only one of a CONNECT over HTTP/2`, async t => {
    const { check, asked, settle } = waiting()
    const { gate, target, authority, respond, end } = await world(t, { check, http2: true })
    const client = await Http2Client.to(t, gate.url)
    const stream = client.send({ ':method': 'CONNECT', ':authority': authority, 'proxy-authorization': ALICE }, null)
    await asked
    const response = once(stream, 'response')
    respond()
    t.equal((await response)[0][':status'], 504)
    let text = ''
    stream.on('data', (chunk: Buffer) => { text += String(chunk) })
    const dialled = once(target, 'connection') as Promise<[Socket]>
    settle(verdict)
    if (verdict === true) await dialled.then(([socket]) => once(socket.resume(), 'close'))
    await gate.logged(({ proxy }) => proxy !== undefined)
    end()
    await once(stream, 'end')
    t.equal(text, 'onetwo')
  })
}

for (const form of ['absolute-form', 'origin-form']) {
  t.test(`a response of the application is under way when the upstream switches protocols, ${form}: it stays the only one`, async t => {
    const { gate, target, authority, respond, end } = await world(t)
    const client = await RawClient.to(t, gate.port)
    const connected = once(target, 'connection') as Promise<[Socket]>
    const url = form === 'origin-form' ? '/api/' : `http://${authority}/`
    client.send([`GET ${url} HTTP/1.1`, `Host: ${authority}`, `Proxy-Authorization: ${ALICE}`, ...UPGRADE, '', ''].join('\r\n'))
    const [upstream] = await connected
    await once(upstream, 'data')
    respond()
    await client.until(text => text.includes('one'))
    upstream.write(SWITCH)
    await once(upstream.resume(), 'close')
    end()
    const text = await client.end()
    t.match(text, /^HTTP\/1\.1 504 [^]*\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n$/)
    t.equal(text.split('HTTP/1.1 ').length, 2)
  })
}
