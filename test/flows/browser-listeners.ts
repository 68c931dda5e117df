import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTlsServer } from 'node:https'
import { Readable } from 'node:stream'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { byHost } from '../fixtures/auto-configuration.js'
import { bareHttp2Proxy } from '../fixtures/bare-http2-proxy.js'
import { browsers, triedOnce } from '../fixtures/browsers.js'
import type { Tried } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import type { Certificate } from '../fixtures/certificate.js'
import { basic, gateway } from '../fixtures/gateway.js'
import { listening } from '../fixtures/listening.js'
import { knowing } from '../fixtures/lookup.js'

const alice = { username: 'alice', password: 'alice-secret' }
const PARTS = 50
const MIB = 1024 * 1024
const DOWNLOAD = 100
const strategies = {
  basic: () => basic(),
  digest: () => new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))
}
const listeners: Readonly<Record<string, (own: Certificate) => object>> = {
  clear: () => ({}),
  tls: own => ({ https: own }),
  h2: own => ({ http2: true, https: { ...own, allowHTTP1: true } })
}

/** The 100 MiB of a download, each unlike the others. */
function * download (): Generator<Buffer> {
  for (let index = 0; index < DOWNLOAD; index += 1) {
    noise.writeUInt32BE(index)
    yield Buffer.from(noise)
  }
}
const noise = randomBytes(MIB)

/** What each site has: a page, its 50 parts, a download, and a WebSocket that shouts. */
async function site (t: Test, scheme: string, make: (answer: RequestListener) => Server) {
  let asked = 0
  const server = make(({ url }, response) => {
    asked += 1
    response.setHeader('cache-control', 'no-store')
    if (url === '/download') {
      response.setHeader('content-length', DOWNLOAD * MIB)
      Readable.from(download()).pipe(response)
    } else if (url!.startsWith('/part')) {
      response.writeHead(200, { 'content-type': 'image/svg+xml' }).end('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
    } else {
      const parts = Array.from({ length: PARTS }, (_, index) => `<img src="/part?${index}">`)
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><link rel="icon" href="data:,">${parts.join('')}`)
    }
  })
  new WebSocketServer({ server }).on('connection', socket => socket.on('message', data => socket.send(String(data).toUpperCase())))
  const port = await listening(t, server)
  return { asked: () => asked, url: (host: string) => `${scheme}://${host}:${port}/` }
}

const TALK = `new Promise((resolve) => {
  const socket = new WebSocket(location.origin.replace('http', 'ws'))
  socket.onopen = () => socket.send('hello')
  socket.onmessage = ({ data }) => { socket.close(); resolve(data) }
  socket.onerror = () => resolve('no WebSocket')
})`
const LOOK = `(async () => ({ parts: [...document.images].filter(({ naturalWidth }) => naturalWidth === 1).length, heard: await ${TALK} }))()`
const DOWNLOAD_HASH = `(async () => {
  const content = await (await fetch('/download')).arrayBuffer()
  return [content.byteLength, new Uint8Array(await crypto.subtle.digest('SHA-256', content)).toHex()]
})()`

t.setTimeout(600_000)
for (const [name, { skip, startConfigured }] of Object.entries(browsers)) {
  t.test(name, { skip: skip || openssl.skip, timeout: 300_000 }, async t => {
    const own = certificate(t, '*.page.test')
    const plain = await site(t, 'http', answer => createServer(answer))
    const secure = await site(t, 'https', answer => createSecureServer({ ...own, allowHTTP1: true }, answer as never) as unknown as Server)
    const old = await site(t, 'https', answer => createTlsServer(own, answer) as unknown as Server)

    const cells: Array<{ host: string, proxy: string, version: string, sent: Array<Tried & { version: string }> }> = []
    for (const [listener, fastify] of Object.entries(listeners)) {
      for (const [scheme, strategy] of Object.entries(strategies)) {
        const host = `${listener}-${scheme}.page.test`
        const sent: Array<Tried & { version: string }> = []
        const { port } = await gateway(t, {
          fastify: fastify(own) as FastifyServerOptions,
          before: app => {
            app.addHook('onRequest', async ({ raw: { httpVersion: version, url = '', socket }, headers }) => {
              sent.push({ version, url, connection: socket.remotePort, credentials: headers['proxy-authorization'] })
            })
          },
          strategies: [strategy()],
          forward: { special: [`${host}:*`], lookup: knowing(host) }
        })
        cells.push({ host, sent, version: listener === 'h2' ? '2.0' : '1.1', proxy: `${listener === 'clear' ? 'PROXY' : 'HTTPS'} 127.0.0.1:${port}` })
      }
    }
    const proxies = Object.fromEntries(cells.map(({ host, proxy }) => [host, proxy]))
    const browser = await startConfigured(t, byHost({ ...proxies, 'bare.page.test': `HTTPS 127.0.0.1:${await bareHttp2Proxy(t, own)}` }))

    for (const { host, sent, version } of cells) {
      t.test(host, { timeout: 120_000 }, async t => {
        const before = plain.asked() + secure.asked()
        for (const { url } of [plain, secure]) t.not(await browser.visit(url(host), { ...alice, password: 'wrong' }), 200)
        triedOnce(t, sent)
        t.equal(plain.asked() + secure.asked(), before, 'the origin hears nothing of a wrong password')
        for (const { url } of [plain, secure]) {
          t.same(await browser.run(url(host), alice, LOOK), { parts: PARTS, heard: 'HELLO' }, url(host))
        }
        t.same(new Set(sent.map(({ version }) => version)), new Set([version]))
      })
    }

    t.test('a download of 100 MiB', { timeout: 120_000 }, async t => {
      const hash = createHash('sha256')
      for (const chunk of download()) hash.update(chunk)
      t.same(await browser.run(secure.url('h2-digest.page.test'), alice, DOWNLOAD_HASH), [DOWNLOAD * MIB, hash.digest('hex')])
    })

    t.test('wss: where the origin speaks HTTP/1.1 alone: with HTTP/2 as any proxy of it would have it (C-46)', { timeout: 120_000 }, async t => {
      t.same(await browser.run(old.url('tls-digest.page.test'), alice, LOOK), { parts: PARTS, heard: 'HELLO' })
      const heard = await browser.run(old.url('h2-digest.page.test'), alice, LOOK)
      t.comment(heard)
      t.same(heard, await browser.run(old.url('bare.page.test'), alice, LOOK))
    })
  })
}
