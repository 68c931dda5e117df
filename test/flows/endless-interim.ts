// An origin that sends interim responses without end has not answered.
import type { Socket } from 'node:net'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'

const TIME = 600

function hints (socket: Socket): void {
  const hint = () => { socket.write('HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n') }
  hint()
  const timer = setInterval(hint, 20)
  socket.once('close', () => clearInterval(timer))
}

for (const [what, method, path, fields, content] of [
  ['GET', 'GET', '/', '', ''], ['POST', 'POST', '/', 'Content-Length: 2\r\n', 'ab'], ['OPTIONS *', 'OPTIONS', '', '', '']
] as const) {
  t.test(`an origin answers ${what} with 103 for ever: 504 in time, and its connection is closed (F-16)`, async t => {
    const target = await rawOrigin(t, hints)
    const { port, logged } = await gateway(t, {
      forward: { special: ['127.0.0.1:*'], headersTimeout: TIME },
      reverse: [
        { prefix: '/api', upstream: target.url, undici: { headersTimeout: TIME } as never },
        { prefix: '/own', upstream: target.url, replyOptions: { timeout: TIME } as never }
      ]
    })
    for (const where of path === '' ? [target.url] : [`${target.url}${path}`, `/api${path}`, `/own${path}`]) {
      const began = performance.now()
      const client = await RawClient.to(t, port)
      client.send(`${method} ${where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n${fields}\r\n${content}`)
      t.match(await client.end(), /^HTTP\/1\.1 103 Early\r\n[^]*\r\n\r\nHTTP\/1\.1 504 [^]*FST_PROXY_AUTH_UPSTREAM_TIMEOUT/, where)
      t.ok(performance.now() - began >= TIME - 50)
      await logged(line => (line['proxy'] as { status?: number } | undefined)?.status === 504)
    }
    if (target.open.size > 0) await Promise.all([...target.open].map(socket => new Promise(resolve => socket.once('close', resolve))))
    t.equal(target.open.size, 0)
  })
}
