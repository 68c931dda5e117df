import t from 'tap'
import { byHost } from '../fixtures/auto-configuration.js'
import { browsers } from '../fixtures/browsers.js'
import type { ReverseRoute } from '../../lib/index.js'
import { closedPort } from '../fixtures/closed-port.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawServer } from '../fixtures/raw-server.js'
import { readAnswer } from '../fixtures/read-answer.js'

const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
/** What a reader sees of a page, and by how much it is too wide for the window. */
const LOOK = `({
  lang: document.documentElement.lang,
  direction: getComputedStyle(document.querySelector('main')).direction,
  title: document.title,
  heading: document.querySelector('h1').innerText,
  text: document.body.innerText,
  over: document.documentElement.scrollWidth - innerWidth
})`

t.test('a refusal by the proxy: a browser gets a page, a program gets JSON', async t => {
  const { port } = await gateway(t, { forward: { allow: ['*.example.test'] }, pages: { 403: { detail: 'Nicht von hier.' } } })
  for (const [accept, type] of [[BROWSER, 'text/html; charset=utf-8'], ['Accept: */*', 'application/json; charset=utf-8']] as const) {
    const client = await RawClient.to(t, port)
    const { status, fields, body } = readAnswer(await client.send(`GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n${accept}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer())
    t.same([status, fields['content-type'], fields['cache-control']], [403, type, 'no-store'])
    t.equal(Number(fields['content-length']), Buffer.byteLength(body))
    t.match(body, 'not on the allow list')
    if (accept === BROWSER) t.match(body, 'Nicht von hier.')
  }
})

t.test('our own 403, 502, 503 and 504 on reverse routes: a page for a browser, JSON for a program (F-42)', async t => {
  const hangs = await rawServer(t, () => {})
  const upstream = await origin(t)
  for (const more of [{}, { undici: false }]) {
    const { port } = await gateway(t, {
      forward: undefined,
      pages: { 502: { detail: 'Nicht erreicht.' } },
      strategies: [basic(), { strategy: foreign('down', function () { this.error(Object.assign(new Error('down'), { code: 'ECONNREFUSED' })) }), scheme: 'Down' }],
      reverse: [
        { prefix: '/down', upstream: `http://127.0.0.1:${await closedPort()}`, ...more },
        { prefix: '/hangs', upstream: `http://127.0.0.1:${hangs}`, replyOptions: { timeout: 50 }, ...more },
        { prefix: '/api', upstream: upstream.url, ...more },
        { prefix: '/403', upstream: upstream.url, strategies: [{ strategy: foreign('never', function () { this.fail() }), scheme: null }], ...more }
      ] as ReverseRoute[]
    })
    for (const [path, credentials, expected] of [['/down', ALICE, 502], ['/api', 'Down x', 503], ['/hangs', ALICE, 504], ['/403', ALICE, 403]] as const) {
      for (const [accept, type] of [[BROWSER, 'text/html; charset=utf-8'], ['Accept: */*', 'application/json; charset=utf-8']] as const) {
        const client = await RawClient.to(t, port)
        const text = `GET ${path}/x HTTP/1.1\r\nHost: gw.test\r\n${accept}\r\nProxy-Authorization: ${credentials}\r\n\r\n`
        const { status, fields, body } = readAnswer(await client.send(text).answer())
        t.same([status, fields['content-type'], fields['cache-control']], [expected, type, 'no-store'], path)
        t.equal(Number(fields['content-length']), Buffer.byteLength(body))
        if (accept === BROWSER && expected === 502) t.match(body, 'Nicht erreicht.')
      }
    }
  }
})

t.test('an error page that an upstream sends: as it is (F-42)', async t => {
  const said = '{"statusCode":502,"code":"FST_PROXY_AUTH_DNS","message":"of another gateway"}'
  const upstream = await origin(t, (_request, response) => { response.writeHead(502, { 'Content-Type': 'application/json' }).end(said) })
  const { port } = await gateway(t, { forward: undefined, reverse: [{ prefix: '/api', upstream: upstream.url }] })
  const client = await RawClient.to(t, port)
  const { body } = readAnswer(await client.send(`GET /api/x HTTP/1.1\r\nHost: gw.test\r\n${BROWSER}\r\nConnection: close\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).end())
  t.match(body, said)
})

t.test('an error handler of the application: its response is sent instead of our page', async t => {
  const { port } = await gateway(t, {
    forward: { allow: [] }, before: app => { app.setErrorHandler(async (_error, _request, reply) => await reply.code(403).send('mine')) }
  })
  const client = await RawClient.to(t, port)
  const { status, body } = readAnswer(await client.send(`GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n${BROWSER}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer())
  t.same([status, body], [403, 'mine'])
})

t.test('pages in a browser: they show in any script, fit the window, and request nothing more', { skip: browsers.Chromium.skip }, async t => {
  const long = { title: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft', detail: 'a'.repeat(1000), label: 'b'.repeat(1000) }
  const proxies = await Promise.all([{}, { lang: 'de', 403: long, 407: long }, { lang: 'ar', 403: { title: 'ممنوع' }, 407: { title: 'مطلوب' } }].map(async pages => {
    const asked: string[] = []
    const before: GatewayOptions['before'] = app => { app.addHook('onRequest', async ({ raw }) => { asked.push(raw.url!) }) }
    return { asked, ...await gateway(t, { forward: { allow: ['*.example.test'] }, pages, before }) }
  }))
  const browser = await browsers.Chromium.startConfigured(t, byHost(Object.fromEntries(proxies.map(({ port }, index) => [`*.${index}.test`, `PROXY 127.0.0.1:${port}`]))))
  const read = async (host: string, password: string) => await browser.run(`http://${host}/`, { username: 'alice', password }, LOOK) as Record<string, string>
  for (const [index, [lang, direction]] of [['en', 'ltr'], ['de', 'ltr'], ['ar', 'rtl']].entries()) {
    const pages = { 407: await read(`a.${index}.test`, 'wrong'), 403: await read(`b.${index}.test`, 'alice-secret') }
    for (const page of Object.values(pages)) t.match(page, { lang, direction, title: page.heading, over: 0 })
    if (index === 0) {
      t.match(pages[407].text, /^407 Proxy Authentication Required[^]*Realm: Gateway$/)
      t.match(pages[403].text, /^403 Forbidden[^]*Reason: not on the allow list\s+Reference: req-\w+$/)
    }
    t.same(new Set(proxies[index]!.asked), new Set([`http://a.${index}.test/`, `http://b.${index}.test/`]))
  }
})
