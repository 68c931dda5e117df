import t from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { browsers } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'

const account = { username: 'alice', password: 'alice-secret' }

for (const [name, { skip, startConfigured }] of Object.entries(browsers)) {
  t.test(`${name} through HTTP/2, pages by CONNECT and by :scheme http, with Digest (R-H2-1, R-H2-5, R-H2-7)`, { skip: skip || openssl.skip }, async t => {
    const page = (_request: unknown, response: { setHeader (name: string, value: string): unknown, end (text: string): unknown }) => {
      response.setHeader('content-type', 'text/html')
      response.setHeader('connection', 'close') // each page needs a tunnel of its own
      response.end('<!doctype html><link rel="icon" href="data:,">here')
    }
    const secure = await origin(t, page, certificate(t, 'page.test'))
    const plain = await origin(t, page)
    const { key, cert } = certificate(t, 'localhost')
    const asked: Array<{ version: string, target: string, status: number }> = []
    const { port } = await gateway(t, {
      strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret' }))],
      forward: {
        special: ['*.test:*'],
        lookup: ((_host: string, _options: object, done: (error: null, addresses: object[]) => void) => done(null, [{ address: '127.0.0.1', family: 4 }])) as never
      },
      before: app => {
        app.addHook('onSend', async ({ raw }, reply) => { asked.push({ version: raw.httpVersion, target: raw.url!, status: reply.statusCode }) })
      },
      fastify: { http2: true, https: { allowHTTP1: true, key, cert } } as never
    })
    const script = `function FindProxyForURL (url, host) { return host === 'page.test' ? 'HTTPS localhost:${port}' : 'PROXY 127.0.0.1:9' }`
    const browser = await startConfigured(t, `data:application/x-ns-proxy-autoconfig,${encodeURIComponent(script)}`)
    const urls = [`https://page.test:${secure.port}/1`, `https://page.test:${secure.port}/2`, `http://page.test:${plain.port}/3`]
    const challenged: number[] = []
    for (const url of urls) {
      t.equal(await browser.visit(url, account), 200, url)
      challenged.push(asked.filter(({ status }) => status === 407).length)
    }
    t.same(secure.seen.map(({ url }) => url), ['/1', '/2'])
    t.same(plain.seen.map(({ url }) => url), ['/3'])
    t.ok(challenged[0]! > 0)
    t.equal(challenged[1], challenged[0], `the second page without another 407: ${challenged.join()}`)
    t.same(new Set(asked.map(({ version }) => version)), new Set(['2.0']))
    await browser.close()
  })
}
