import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { collectGarbage } from '../fixtures/collect-garbage.js'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { stalledListener } from '../fixtures/stalled-listener.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const ESTABLISHED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** A client with a tunnel to `authority`. Its `text` is what comes out of the tunnel. */
async function tunnelled (t: Test, gate: Gateway, authority: string): Promise<RawClient> {
  const client = await RawClient.to(t, gate.port)
  t.equal(await client.send(connectHead(authority, RIGHT)).answer(), ESTABLISHED)
  return client
}

const ended = (gate: Gateway) => gate.logged(line => line['proxy'] !== undefined)

t.test('a tunnel on every kind of listener: the response is exactly 200 and the end of the head (R-CONNECT-2, R-CONNECT-3, R-CONNECT-4, R-NODE-5)', async t => {
  const { authority } = await tcpOrigin(t)
  const works = async (t: Test, client: RawClient) => {
    await client.send(connectHead(authority, RIGHT)).until(text => text.includes('\r\n\r\n'))
    t.equal(client.text, ESTABLISHED)
    t.equal(await client.send('through').until(text => text.endsWith('through')), `${ESTABLISHED}through`)
    client.socket.end()
    t.equal(await client.end(), `${ESTABLISHED}through`)
  }
  t.test('plain', async t => {
    const { port } = await gateway(t)
    await works(t, await RawClient.to(t, port))
  })
  for (const http2 of [false, true]) {
    t.test(http2 ? 'TLS with HTTP/2 and HTTP/1.1' : 'TLS', { skip: openssl.skip }, async t => {
      const { key, cert } = certificate(t, 'gateway.test')
      const { port } = await gateway(t, { fastify: { http2, https: { key, cert, allowHTTP1: true } } as FastifyServerOptions })
      await works(t, await RawClient.toTls(t, port, { ca: cert }))
    })
  }
  t.test('both addresses of localhost', async t => {
    const { app, port } = await gateway(t, { host: 'localhost' })
    for (const { address } of app.addresses() as AddressInfo[]) await works(t, await RawClient.to(t, port, address))
  })
  t.test('a socket in the file system', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'gateway-')) // a path has a hundred octets, and no more
    t.teardown(() => rm(folder, { recursive: true }))
    const path = join(folder, 'socket')
    await gateway(t, { path })
    await works(t, await RawClient.over(t, connect({ path, allowHalfOpen: true }), 'connect'))
  })
})

t.test('a target that has not yet accepted the connection: nothing is sent to the client (R-CONNECT-4, R-CONNECT-5)', async t => {
  const { port, release } = await stalledListener(t)
  const gate = await gateway(t)
  const client = await RawClient.to(t, gate.port)
  client.send(`${connectHead(`127.0.0.1:${port}`, RIGHT, 'Expect: 100-continue')}early`)
  await gate.logged(line => line['msg'] === 'incoming request')
  // Whatever is to be written before the dial is written by the time another request has had its whole answer.
  const other = await RawClient.to(t, gate.port)
  t.match(await other.send(connectHead('denied.test', RIGHT)).end(), /^HTTP\/1\.1 400 /)
  t.equal(client.text, '')
  release()
  t.equal(await client.answer(), ESTABLISHED)
})

t.test('one side that ends: the other way stays open (R-CONNECT-7)', async t => {
  const [upload, download] = ['u'.repeat(1_000_000), 'd'.repeat(1_000_000)]
  const read = async (socket: Socket): Promise<string> => {
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => { text += chunk })
    await once(socket, 'end')
    return text
  }
  const rows: Array<{ name: string, skip: string | false, open: (t: Test) => Promise<{ gate: Gateway, client: RawClient }> }> = [
    {
      name: 'plain',
      skip: false,
      async open (t) {
        const gate = await gateway(t)
        return { gate, client: await RawClient.to(t, gate.port) }
      }
    },
    {
      name: 'TLS',
      skip: openssl.skip,
      async open (t) {
        const { key, cert } = certificate(t, 'gateway.test')
        const gate = await gateway(t, { fastify: { https: { key, cert } } as FastifyServerOptions })
        return { gate, client: await RawClient.toTls(t, gate.port, { ca: cert }) }
      }
    }
  ]
  for (const { name, skip, open } of rows) {
    for (const first of ['client', 'target']) {
      t.test(`${name}, the ${first} first`, { skip }, async t => {
        const { gate, client } = await open(t)
        const target = await tcpOrigin(t, () => {})
        const accepted = target.next()
        t.equal(await client.send(connectHead(target.authority, RIGHT)).answer(), ESTABLISHED)
        const server = await accepted
        const received = read(server)
        if (first === 'client') {
          client.send(upload).socket.end()
          t.ok(await received === upload)
          t.equal(client.closed, false)
          server.end(download)
          t.ok(await client.end() === download)
        } else {
          server.end(download)
          t.ok(await client.end() === download)
          client.send(upload).socket.end()
          t.ok(await received === upload)
        }
        t.match((await ended(gate))['proxy'], { bytesIn: 1_000_000, bytesOut: 1_000_000, status: 200 })
      })
    }
  }
})

t.test('bytes behind the head: they reach the target first, and only after success (R-CONNECT-11)', async t => {
  const target = await tcpOrigin(t)
  const { port } = await gateway(t)
  const early = randomBytes(10_000).toString('latin1')
  const client = await RawClient.to(t, port)
  const all = await client.send(connectHead(target.authority, RIGHT) + early).until(text => text.length === ESTABLISHED.length + early.length)
  t.ok(all === ESTABLISHED + early)
  const refused = await RawClient.to(t, port)
  t.match(await refused.send(connectHead(target.authority) + early).end(), /^HTTP\/1\.1 407 /)
  t.equal(target.sockets.length, 1)
})

t.test('bytes that arrive while the target is dialled: they follow in their order (R-CONNECT-11)', async t => {
  const { port, release } = await stalledListener(t)
  const gate = await gateway(t)
  let inside: Socket | undefined
  gate.app.server.on('connection', socket => { inside = socket })
  const client = await RawClient.to(t, gate.port)
  client.send(`${connectHead(`127.0.0.1:${port}`, RIGHT)}one `)
  await gate.logged(line => line['msg'] === 'incoming request')
  client.send('two ')
  await until(() => inside!.readableLength === 4)
  release()
  t.equal(await client.answer(), ESTABLISHED)
  client.send('three').socket.end()
  t.equal(await client.end(), 'one two three')
})

t.test('a CONNECT that arrives in pieces: it is read as one', async t => {
  const { authority } = await tcpOrigin(t)
  const { port } = await gateway(t)
  const client = await RawClient.to(t, port)
  client.socket.setNoDelay(true)
  for (const char of connectHead(authority, RIGHT)) {
    client.send(char)
    await new Promise(resolve => setImmediate(resolve))
  }
  t.equal(await client.answer(), ESTABLISHED)
})

t.test('thirty-two megabytes each way at once: they arrive as they were sent (R-CONNECT-7)', async t => {
  const SIZE = 32 * 1024 * 1024
  const block = randomBytes(1024 * 1024)
  const exchange = async (socket: Socket, salt: number): Promise<{ sent: string, received: string }> => {
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    socket.removeAllListeners('data').on('data', (chunk: Buffer) => received.update(chunk))
    const end = once(socket, 'end')
    for (let i = 0; i < SIZE / block.length; i++) {
      block.writeUInt32BE(i * 2 + salt)
      const chunk = Buffer.from(block)
      sent.update(chunk)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
    await end
    return { sent: sent.digest('hex'), received: received.digest('hex') }
  }
  const gate = await gateway(t)
  const target = await tcpOrigin(t, () => {})
  const accepted = target.next()
  const client = connect({ port: gate.port, host: '127.0.0.1', allowHalfOpen: true })
  t.teardown(() => client.destroy())
  client.write(connectHead(target.authority, RIGHT))
  t.equal(String((await once(client, 'data'))[0]), ESTABLISHED)
  const [left, right] = await Promise.all([exchange(client, 0), exchange(await accepted, 1)])
  t.equal(right.received, left.sent)
  t.equal(left.received, right.sent)
  t.not(left.sent, right.sent)
  t.match((await ended(gate))['proxy'], { bytesIn: SIZE, bytesOut: SIZE })
})

t.test('a peer that does not read: it blocks the other, and little is held in between', async t => {
  const chunk = Buffer.alloc(65_536, 'x')
  const TOTAL = 1024 * chunk.length
  for (const slow of ['target', 'client']) {
    t.test(`the ${slow}`, async t => {
      const gate = await gateway(t)
      const inside: Socket[] = []
      gate.app.server.on('connection', socket => inside.push(socket))
      const target = await tcpOrigin(t, socket => { socket.pause() })
      const accepted = target.next()
      const client = await RawClient.to(t, gate.port)
      t.equal(await client.send(connectHead(target.authority, RIGHT)).answer(), ESTABLISHED)
      const server = await accepted
      client.socket.pause()
      const [sender, reader] = slow === 'target' ? [client.socket, server] : [server, client.socket]

      // It writes as long as it may, up to what would never fit into any buffer of the system.
      let written = 0
      const write = () => {
        for (let more = true; more && written < TOTAL; written += chunk.length) more = sender.write(chunk)
      }
      sender.on('drain', write)
      write()
      let still = 0
      let before = -1
      await until(() => {
        still = written === before ? still + 1 : 0
        before = written
        return still > 50
      })
      t.ok(sender.writableNeedDrain && written < TOTAL, `stopped after ${written} of ${TOTAL}`)
      t.ok(inside[0]!.readableLength + inside[0]!.writableLength < 1024 * 1024)
      await until(() => {
        collectGarbage() // which counts as well, and node 26 leaves more of it lying around (F-73)
        return process.memoryUsage().arrayBuffers < TOTAL
      }) // nor anywhere else

      let read = 0
      reader.removeAllListeners('data').on('data', (data: Buffer | string) => { read += data.length })
      reader.resume()
      await until(() => written === TOTAL)
      sender.end()
      await once(reader, 'end')
      t.equal(read, TOTAL)
    })
  }
})

t.test('a tunnel that ends: there is one log line and one onResponse, and hooks see a CONNECT', async t => {
  const target = await tcpOrigin(t)
  const seen: unknown[] = []
  const gate = await gateway(t, {
    before (app) {
      app.addHook('onRequest', async ({ method, url, routeOptions: { config } }) => { seen.push([method, url, config.proxy]) })
      app.addHook('onResponse', async ({ proxyAuth }, { statusCode }) => { seen.push([statusCode, proxyAuth?.name]) })
    }
  })
  const client = await tunnelled(t, gate, target.authority)
  await client.send('twelve bytes').until(text => text.length === 12)
  t.strictSame(gate.proxied(), [])
  t.strictSame(seen, [['CONNECT', target.authority, 'connect']])
  client.socket.end()
  await client.end()
  await gate.logged(line => line['msg'] === 'request completed')
  await ended(gate)
  t.strictSame(seen.slice(1), [[200, 'alice']])
  t.equal(gate.proxied().length, 1)
  const [line] = gate.proxied()
  t.match(line, { user: 'alice', scheme: 'Basic', method: 'CONNECT', target: target.authority, status: 200, bytesIn: 12, bytesOut: 12 })
  t.notOk('reason' in line!)
  t.notMatch(JSON.stringify(gate.log), new RegExp(`alice-secret|${ALICE.slice(6)}`), 'no credentials in the log')
})

t.test('what the scheme says on success: it is sent with the 200 (R-CONNECT-19)', async t => {
  const { authority } = await tcpOrigin(t)
  const scheme = foreign('talkative', function () {
    this.success({ username: 'alice' }, { proxyAuthenticationInfo: { nextnonce: 'abc' } })
  })
  const { port } = await gateway(t, { strategies: [{ strategy: scheme, scheme: 'Talkative' }] })
  const client = await RawClient.to(t, port)
  t.equal(await client.send(connectHead(authority, 'Proxy-Authorization: Talkative x')).answer(),
    'HTTP/1.1 200 Connection established\r\nProxy-Authentication-Info: nextnonce="abc"\r\n\r\n')
})

t.test('any Host, or none: it has no say about the target (R-CONNECT-18, R-TGT-3, S29)', async t => {
  const target = await tcpOrigin(t)
  const other = await tcpOrigin(t)
  const gate = await gateway(t)
  const heads = [
    `CONNECT ${target.authority} HTTP/1.1\r\nHost: ${other.authority}\r\n${RIGHT}\r\n\r\n`,
    `CONNECT ${target.authority} HTTP/1.1\r\nHost: 127.0.0.1\r\n${RIGHT}\r\n\r\n`,
    `CONNECT ${target.authority} HTTP/1.0\r\n${RIGHT}\r\n\r\n`
  ]
  for (const head of heads) {
    const client = await RawClient.to(t, gate.port)
    t.equal(await client.send(head).answer(), ESTABLISHED)
  }
  await until(() => target.sockets.length >= 3)
  t.strictSame([target.sockets.length, other.sockets.length], [3, 0])
})

t.test('persistence options of a CONNECT: they do not end its tunnel (R-CONN-5, R-HOP-9)', async t => {
  const target = await origin(t)
  const gate = await gateway(t)
  for (const fields of [['Connection: close'], ['Connection: close', 'Proxy-Connection: keep-alive'], ['Proxy-Connection: close']]) {
    const client = await RawClient.to(t, gate.port)
    t.equal(await client.send(connectHead(target.authority, RIGHT, ...fields)).answer(), ESTABLISHED)
    for (let i = 0; i < 2; i++) t.match(await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').answer(), /^HTTP\/1\.1 200 /)
  }
})

t.test('both kinds of credentials: ours stay here, the origin\'s go through (S17)', async t => {
  const target = await origin(t)
  const gate = await gateway(t)
  const client = await tunnelled(t, gate, target.authority)
  await client.send('GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer origin-token\r\nCookie: a=b\r\n\r\n').answer()
  t.match(target.seen, [{ headers: { authorization: 'Bearer origin-token', cookie: 'a=b' } }])
  t.notOk('proxy-authorization' in target.seen[0]!.headers)
})

t.test('inside a tunnel nothing is ours: not a 407 of the target, not credentials, not what looks like them (R-SEC-8, S44)', async t => {
  const target = await tcpOrigin(t, () => {})
  const gate = await gateway(t)
  const coming = target.next()
  const client = await tunnelled(t, gate, target.authority)
  const at = await coming
  let got = ''
  at.setEncoding('latin1').on('data', (text: string) => { got += text })
  const there = [
    `GET / HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: close, x\r\nX: 1\r\n\r\n`,
    'CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: elsewhere.test\r\nProxy-Authorization: Basic !\r\n\r\n',
    '\x16\x03\x01\x00\x00 \0\xff'
  ].join('')
  const back = 'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="theirs"\r\nProxy-Authentication-Info: a=b\r\nContent-Length: 0\r\n\r\n'
  client.send(there)
  at.write(back, 'latin1')
  t.equal(await client.until(text => text.length >= back.length), back, 'as the target sent it')
  await until(() => got.length >= there.length)
  t.equal(got, there, 'as the client sent it')
  client.send('more')
  await until(() => got.length > there.length)
  t.equal(got, `${there}more`, 'and the tunnel goes on')
})

t.test('a tunnel through a tunnel: the inner gateway challenges as well, and data passes', async t => {
  const target = await tcpOrigin(t)
  const [outer, inner] = [await gateway(t), await gateway(t)]
  const client = await tunnelled(t, outer, `127.0.0.1:${inner.port}`)
  t.match(await client.send(connectHead(target.authority)).answer(), /^HTTP\/1\.1 407 /)
  t.equal(await client.send(connectHead(target.authority, RIGHT)).answer(), ESTABLISHED)
  t.equal(await client.send('deep').until(text => text.length === 4), 'deep')
})
