import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { always } from '../fixtures/auto-configuration.js'
import { browsers, chromiumWith } from '../fixtures/browsers.js'
import type { ConfiguredBrowser } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { paramsOf } from '../fixtures/digest.js'
import { gateway } from '../fixtures/gateway.js'
import { knowing } from '../fixtures/lookup.js'
import { origin } from '../fixtures/origin.js'
import type { Answer } from '../fixtures/origin.js'

const account = { username: 'alice', password: 'alice-secret' }
/** As their users say it: Firefox knows proxies with TLS by auto-configuration alone. */
const proxied: Readonly<Record<keyof typeof browsers, (t: Test, port: number) => Promise<ConfiguredBrowser>>> = {
  Chromium: async (t, port) => await chromiumWith(t, `--proxy-server=https://localhost:${port}`),
  Firefox: async (t, port) => await browsers.Firefox.startConfigured(t, always(`HTTPS localhost:${port}`))
}

for (const [name, { skip }] of Object.entries(browsers)) {
  t.test(`${name} through HTTP/2, pages by CONNECT and by :scheme http, with Digest (R-H2-1, R-H2-5, R-H2-7)`, { skip: skip || openssl.skip }, async t => {
    const page: Answer = (_request, response) => {
      response.setHeader('content-type', 'text/html')
      response.setHeader('connection', 'close') // each page needs a tunnel of its own
      response.end('<!doctype html><link rel="icon" href="data:,">here')
    }
    const secure = await origin(t, page, certificate(t, 'page.test'))
    const plain = await origin(t, page)
    const { key, cert } = certificate(t, 'localhost')
    const asked: Array<{ version: string, credentials: string | undefined }> = []
    let challenged = 0
    const isOurs = (url: string | undefined) => url!.includes('page.test') // and not of a vendor
    const { port } = await gateway(t, {
      strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))],
      forward: { special: ['page.test:*'], lookup: knowing('page.test') },
      before: app => {
        app.addHook('onRequest', async ({ raw, headers }) => {
          if (isOurs(raw.url)) asked.push({ version: raw.httpVersion, credentials: headers['proxy-authorization'] })
        })
        app.addHook('onSend', async ({ raw }, reply) => { if (isOurs(raw.url) && reply.statusCode === 407) challenged += 1 })
      },
      fastify: { http2: true, https: { allowHTTP1: true, key, cert } } as never
    })
    const browser = await proxied[name as keyof typeof browsers](t, port)
    t.equal(await browser.visit(`https://page.test:${secure.port}/1`, account), 200)
    const once = challenged
    t.ok(once > 0)
    t.equal(await browser.visit(`https://page.test:${secure.port}/2`, account), 200)
    t.equal(await browser.visit(`http://page.test:${plain.port}/3`, account), 200)
    t.equal(challenged, once, 'the second page without another 407')
    t.same([...secure.seen, ...plain.seen].map(({ url }) => url), ['/1', '/2', '/3'])
    t.same(new Set(asked.map(({ version }) => version)), new Set(['2.0']))
    t.same(new Set(asked.flatMap(({ credentials }) => credentials === undefined ? [] : [paramsOf(credentials).algorithm])), new Set(['SHA-256']))
    await browser.close()
  })
}
