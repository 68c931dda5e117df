// What clients make of a 407 from a server that they did not choose as a proxy: why reverse routes are for programs that send
// Proxy-Authorization unasked. docs/guide/reverse-routes.md says what is seen here.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { Agent, request } from 'undici'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { browsers } from '../fixtures/browsers.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const java = peer('java')
const curl = peer('curl')

/** A gateway with a page of its own, and what its reverse route was asked with. */
async function around (t: Test) {
  const upstream = await origin(t)
  const asked: Array<string | undefined> = []
  const { url } = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: upstream.url }, { prefix: '/origin', upstream: upstream.url, status: 401 }],
    before: app => {
      app.addHook('onRequest', async ({ url, headers }) => { if (url.startsWith('/api')) asked.push(headers['proxy-authorization']) })
      app.get('/page', async (_request, reply) => await reply.type('text/html').send('<!doctype html><link rel="icon" href="data:,">'))
    }
  })
  return { url, asked, upstream }
}

t.test('a reverse route, though an origin to its clients: it challenges as a proxy, and with status 401 as an origin (R-GW-1, R-GW-4)', async t => {
  const { url } = await around(t)
  const agent = new Agent()
  t.teardown(() => agent.close())
  for (const [path, status, challenge, other] of [
    ['/api/', 407, 'proxy-authenticate', 'www-authenticate'], ['/origin/', 401, 'www-authenticate', 'proxy-authenticate']
  ] as const) {
    const { statusCode, headers, body } = await request(url + path, { dispatcher: agent })
    await body.dump()
    t.equal(statusCode, status)
    t.match(headers[challenge], 'Basic realm="Gateway"')
    t.notOk(other in headers)
  }
})

t.test('fetch of Node at a reverse route: it rejects the 407, and does send the field unasked (R-GW-2)', async t => {
  const { url } = await around(t)
  await t.rejects(fetch(`${url}/api/`), TypeError)
  const answer = await fetch(`${url}/api/`, { headers: { 'Proxy-Authorization': ALICE } })
  t.equal(answer.status, 200)
  t.equal(await answer.text(), 'origin')
})

t.test('curl at a reverse route: it shows the 407', { skip: curl.skip }, async t => {
  const { url } = await around(t)
  const { stdout } = await runProgram(t, curl.path, ['-q', '-sS', '-o', '/dev/null', '-w', '%{http_code}', `${url}/api/`])
  t.equal(stdout, '407')
})

t.test('HttpClient of Java at a reverse route: it prompts again and again, sends nothing, and throws (R-GW-2)', { skip: java.skip }, async t => {
  const { url, asked } = await around(t)
  const { stdout } = await runProgram(t, java.path, [fileURLToPath(new URL('../fixtures/clients/http-client-direct.java', import.meta.url)), `${url}/api/`])
  t.match(stdout, /^IOException prompts=[2-9]/)
  t.ok(asked.length > 1 && asked.every(credentials => credentials === undefined))
})

for (const [name, { skip, startDirect }] of Object.entries(browsers)) {
  t.test(`${name} shows an error page, and its pages cannot send the field (R-GW-2, R-GW-3)`, { skip }, async t => {
    const { url, asked, upstream } = await around(t)
    const browser = await startDirect(t)
    const shown = await browser.visit(`${url}/api/`)
    if (name === 'Chromium') t.match(shown, 'ERR_UNEXPECTED_PROXY_AUTH')
    else t.not(shown, 200)
    const fetched = await browser.run(`${url}/page`, `fetch('/api/x', { headers: { 'Proxy-Authorization': '${ALICE}' } }).then(({ status }) => status, () => 'rejected')`)
    t.equal(fetched, name === 'Chromium' ? 'rejected' : 407)
    t.ok(asked.length >= 2 && asked.every(credentials => credentials === undefined), 'the field was never there')
    t.equal(upstream.seen.length, 0)
  })
}
