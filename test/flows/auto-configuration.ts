import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ForwardOptions } from '../../lib/index.js'
import { browsers } from '../fixtures/browsers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Answer } from '../fixtures/origin.js'

const alice = { username: 'alice', password: 'alice-secret' }
const lookup = (_name: string, _options: unknown, done: (error: null, addresses: object[]) => void): void => {
  done(null, [{ address: '127.0.0.1', family: 4 }])
}
const page: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end('<!doctype html><link rel="icon" href="data:,">')
}
// With `allow`, so that the script names the proxy for these alone: Firefox waits for what it asks of its vendor.
const forwarding = (t: Test, options: GatewayOptions) => gateway(t, {
  ...options,
  forward: { allow: ['*.page.test:*', '127.0.0.1:*'], special: ['*.page.test:*'], lookup: lookup as never, ...(options.forward as ForwardOptions) }
})

for (const [name, { skip, startConfigured }] of Object.entries(browsers)) {
  t.test(name, { skip: skip || openssl.skip }, async t => {
    const ca = certificate(t, 'www.page.test')
    const [plain, secure] = [await origin(t, page), await origin(t, page, ca)]
    for (const scheme of ['http', 'https']) {
      t.test(`finds a proxy that speaks ${scheme}, and leaves it out for loopback`, async t => {
        const own = await forwarding(t, { fastify: scheme === 'https' ? { https: ca } as FastifyServerOptions : {}, forward: { pac: true } })
        // The script of a proxy that speaks TLS comes from elsewhere: browsers fetch it before they can be told to trust anything.
        const { url } = scheme === 'http' ? own : await forwarding(t, { forward: { pac: { proxy: `https://127.0.0.1:${own.port}` } } })
        const browser = await startConfigured(t, `${url}/proxy.pac`)
        t.equal(await browser.visit(`http://www.page.test:${plain.port}/`, alice), 200)
        t.equal(await browser.visit(`https://www.page.test:${secure.port}/`, alice), 200)
        t.equal(await browser.visit(`http://127.0.0.1:${plain.port}/`, alice), 200)
        await own.logged(({ proxy }) => (proxy as { target?: string } | undefined)?.target === `http://www.page.test:${plain.port}`)
        t.same(own.proxied().filter(({ target }) => String(target).includes('127.0.0.1')), [], 'loopback is not the business of a proxy')
        t.same(new Set(own.proxied().map(({ user }) => user)), new Set(['alice']))
        await browser.close()
      })
    }
  })
}
