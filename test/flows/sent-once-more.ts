// A request whose kept connection an origin has just closed is sent once more, and no other is.
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawServer } from '../fixtures/raw-server.js'
import { scriptedOrigin } from '../fixtures/scripted-origin.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const WAYS = ['forward', 'reverse'] as const

/** What an origin does with a second request on a connection. */
const ENDS: Record<string, (socket: Socket) => void> = {
  'a FIN': socket => { socket.end() },
  'a reset': socket => { socket.resetAndDestroy() }
}

interface Lab {
  /** A connection to the gateway, to send several requests on. */
  client (): Promise<RawClient>
  send (client: RawClient, path: string, fields: string): Promise<string>
  /** Sends one request. */
  once (method: string, path: string, fields?: string, content?: string): Promise<string>
  /** Sends requests, each behind another for `/ok`, until one came on that one's connection and the origin has ended it: gives the responses. */
  ask (method: string, path: string, fields?: string, content?: string): Promise<string[]>
  /** How often the origin has seen a request for the path. */
  seen (path: string): number
}

async function lab (t: Test, way: typeof WAYS[number], end: (socket: Socket) => void, tls?: { key: string, cert: string }): Promise<Lab> {
  const count = { ended: 0 }
  const served = new WeakSet<Socket>()
  const unlessNew = (again: (socket: Socket) => void) => (socket: Socket) => {
    if (!served.has(socket)) return socket.end(OK.replace('\r\n', '\r\nConnection: close\r\n'))
    count.ended += 1
    again(socket)
  }
  const target = await scriptedOrigin(t, {
    '/ok': socket => { served.add(socket); socket.write(OK) },
    '/x': unlessNew(end),
    '/octet': unlessNew(socket => { socket.write('H', () => end(socket)) }),
    '/interim': unlessNew(socket => { socket.write('HTTP/1.1 103 Early\r\n\r\n', () => end(socket)) }),
    '/never': socket => { if (served.has(socket)) count.ended += 1; end(socket) }
  }, tls)
  const scheme = tls === undefined ? 'http' : 'https'
  const url = `${scheme}://127.0.0.1:${target.port}`
  const { port } = await gateway(t, {
    forward: { special: ['127.0.0.1:*'], tls: { rejectUnauthorized: false } },
    reverse: [{ prefix: '/api', upstream: url, undici: { connect: { rejectUnauthorized: false } } as never }]
  })
  const once: Lab['once'] = async (method, path, fields = '', content = '') => {
    const client = await RawClient.to(t, port)
    const text = `${method} ${way === 'forward' ? url : '/api'}${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n${content}`
    return await client.send(text).end()
  }
  return {
    client: async () => await RawClient.to(t, port),
    async send (client, path, fields) {
      client.send(`GET ${way === 'forward' ? url : '/api'}${path} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n`)
      return await client.answer()
    },
    once,
    async ask (...request) {
      const answers: string[] = []
      while (count.ended === 0 && answers.length < 100) {
        t.match(await once('GET', '/ok'), /^HTTP\/1\.1 200 /)
        answers.push(await once(...request))
      }
      count.ended = 0
      return answers
    },
    seen: path => target.heads.filter(head => head.split(' ')[1] === path).length
  }
}

for (const way of WAYS) {
  for (const [ending, end] of Object.entries(ENDS)) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']) {
      t.test(`${way}: a kept connection ends by ${ending} before a response to ${method} without content: it is sent once more (F-14)`, async t => {
        const { ask, seen } = await lab(t, way, end)
        const answers = await ask(method, '/x', method === 'PUT' ? 'Content-Length: 0\r\n' : '')
        for (const answer of answers) t.match(answer, /^HTTP\/1\.1 200 /)
        t.equal(seen('/x'), answers.length + 1)
      })
    }

    for (const [what, method, fields, content] of [
      ['POST', 'POST', '', ''], ['POST with content', 'POST', 'Content-Length: 2\r\n', 'ab'], ['PUT with content', 'PUT', 'Content-Length: 2\r\n', 'ab'],
      ['GET with content', 'GET', 'Transfer-Encoding: chunked\r\n', '2\r\nab\r\n0\r\n\r\n'], ['PATCH', 'PATCH', '', ''], ['LOCK', 'LOCK', '', '']
    ] as const) {
      t.test(`${way}: a kept connection ends by ${ending} before a response to ${what}: it is sent once (F-14)`, async t => {
        const { ask, seen } = await lab(t, way, end)
        const answers = await ask(method, '/x', fields, content)
        t.match(answers.at(-1), /^HTTP\/1\.1 502 [^]*FST_PROXY_AUTH_UPSTREAM_TERMINATED/)
        t.equal(seen('/x'), answers.length)
      })
    }

    t.test(`${way}: a connection ends by ${ending} behind the first octet of a response, or an interim one: nothing is sent again (F-14)`, async t => {
      const { ask, seen } = await lab(t, way, end)
      for (const path of ['/octet', '/interim']) {
        const answers = await ask('GET', path)
        t.match(answers.at(-1), /HTTP\/1\.1 (?:502|103) /)
        t.equal(seen(path), answers.length, path)
      }
    })

    t.test(`${way}: a connection that has served nothing ends by ${ending}: nothing is sent again, nor a third time (F-14)`, async t => {
      const { once, ask, seen } = await lab(t, way, end)
      t.match(await once('GET', '/never'), /^HTTP\/1\.1 502 /)
      t.equal(seen('/never'), 1)
      const answers = await ask('GET', '/never')
      for (const answer of answers) t.match(answer, /^HTTP\/1\.1 502 /)
      t.equal(seen('/never'), 1 + answers.length + 1)
    })

    t.test(`${way}: a connection that the origin may have authenticated ends by ${ending}: nothing is sent again on another (F-14)`, async t => {
      const { client, send, seen } = await lab(t, way, end)
      t.match(await send(await client(), '/ok', 'Authorization: NTLM TlRM\r\n'), /^HTTP\/1\.1 200 /)
      for (const fields of ['', 'Authorization: NTLM TlRM\r\n']) {
        const own = await client()
        await send(own, '/ok', 'Authorization: NTLM TlRM\r\n')
        const before = seen('/x')
        t.match(await send(own, '/x', fields), /^HTTP\/1\.1 502 /)
        t.equal(seen('/x'), before + 1)
      }
    })

    t.test(`${way}: a WebSocket is offered on a kept connection that ends by ${ending}: it is offered once more (F-14)`, async t => {
      const { ask, seen } = await lab(t, way, end)
      const answers = await ask('GET', '/x', 'Connection: Upgrade\r\nUpgrade: x\r\n')
      for (const answer of answers) t.match(answer, /^HTTP\/1\.1 200 /)
      t.equal(seen('/x'), answers.length + 1)
    })
  }

  t.test(`${way}: the same over TLS, where the handshake is no response (F-14)`, { skip: openssl.skip }, async t => {
    const { once, ask, seen } = await lab(t, way, socket => { socket.end() }, certificate(t, 'localhost'))
    t.match(await once('GET', '/never'), /^HTTP\/1\.1 502 /)
    t.equal(seen('/never'), 1)
    const answers = await ask('GET', '/x')
    for (const answer of answers) t.match(answer, /^HTTP\/1\.1 200 /)
    t.equal(seen('/x'), answers.length + 1)
  })

  t.test(`${way}: the origin drops each connection soon after its response: no GET fails (F-14)`, async t => {
    let responses = 0
    const target = await rawServer(t, socket => {
      socket.write(OK)
      // Now before the next request comes, now in the moment it does, now behind it.
      setTimeout(() => { socket.end() }, responses++ % 4)
    })
    const { port } = await gateway(t, { level: 'silent', reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${target}` }] })
    const client = await RawClient.to(t, port)
    const statuses = new Map<string, number>()
    for (let i = 0; i < 100; i++) {
      client.send(`GET ${way === 'forward' ? `http://127.0.0.1:${target}/` : '/api/'} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
      const status = (await client.until(text => text.includes('ok') || text.includes('}'))).slice(9, 12)
      client.text = ''
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    t.strictSame([...statuses], [['200', 100]])
  })
}
