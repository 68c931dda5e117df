import { once } from 'node:events'
import Fastify from 'fastify'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import type { StatusExchange, StatusSnapshot } from '../../lib/status/snapshot.js'
import { StatusFeed } from '../../lib/status/feed.js'
import { createStatusServer } from '../../lib/status/listener.js'
import { readStatus } from '../../lib/status/status-options.js'
import { atBest } from '../fixtures/at-best.js'
import { browsers, chromiumPages } from '../fixtures/browsers.js'
import { closedPort } from '../fixtures/closed-port.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ask, messagesOf } from '../fixtures/event-source.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { exchangeRow, refusalRow, snapshot, userRow } from '../fixtures/status.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'

const { skip } = browsers.Chromium
/** What the page may take to show a change, and what it may on a machine that does much else. */
const SOON = 2_000
const LATE = 20_000

/** A gateway with a status page on a listener of its own. */
async function withStatus (t: Test, options: GatewayOptions = {}) {
  const started = await gateway(t, { status: { listen: { port: 0 } }, ...options })
  return { ...started, page: started.app.proxyAuthStatusUrl()! }
}

/** A page of what a test says, and all that the browser complains of. */
async function showing (t: Test, collect: () => StatusSnapshot, port = 0) {
  const feed = new StatusFeed(collect)
  const server = createStatusServer(Fastify().log, readStatus({ listen: { port } }), { feed, collect })
  const url = await server.listen({ host: '127.0.0.1', port })
  t.teardown(() => server.close())
  const open = await chromiumPages(t)
  const page = await open(url)
  const complaints = complaintsOf(page)
  await live(page)
  return { page, open, url, complaints, server }
}

function complaintsOf (page: Page): string[] {
  const complaints: string[] = []
  page.on('console', message => { complaints.push(message.text()) })
  page.on('pageerror', error => { complaints.push(error.message) })
  return complaints
}

async function live (page: Page): Promise<void> {
  await page.waitForSelector('#state[data-state="live"]')
  await until(async () => await page.locator('#gateway').textContent() !== '')
}

/** Waits for text in a section. Returns how long that took. */
async function soon (page: Page, section: string, text: string): Promise<number> {
  const asked = performance.now()
  await page.locator(`section[aria-labelledby="${section}"] tbody tr`, { hasText: text }).first().waitFor({ timeout: LATE })
  return performance.now() - asked
}

async function tunnel (t: Test, port: number, authority: string, credentials = ALICE): Promise<RawClient> {
  const client = await RawClient.to(t, port)
  client.send(connectHead(authority, `Proxy-Authorization: ${credentials}`))
  await client.until(text => text.includes('\r\n\r\n'))
  return client
}

t.test('what happens at the gateway: the page shows it within two seconds', { skip }, async t => {
  const { port, page: url } = await withStatus(t, { forward: { special: ['127.0.0.1:*'], deny: ['denied.test'] } })
  const { authority } = await tcpOrigin(t)
  const page = await (await chromiumPages(t))(url)
  const complaints = complaintsOf(page)
  await live(page)
  const took: number[] = []
  const client = await tunnel(t, port, authority)
  took.push(await soon(page, 'exchanges', authority))
  await soon(page, 'users', 'alice')
  t.equal(await page.locator('#tiles dd').first().textContent(), '1')

  client.send('x'.repeat(5000))
  await client.until(text => text.endsWith('x'.repeat(5000)))
  took.push(await soon(page, 'exchanges', '5.00 kB'))

  client.socket.destroy()
  const ended = performance.now()
  await page.locator('section[aria-labelledby="exchanges"] tbody tr').waitFor({ state: 'detached', timeout: LATE })
  took.push(performance.now() - ended)

  t.match((await tunnel(t, port, authority, `Basic ${Buffer.from('mallory:wrong').toString('base64')}`)).text, /^HTTP\/1\.1 407/)
  took.push(await soon(page, 'refusals', 'refused 407'))
  t.match((await tunnel(t, port, 'denied.test:443', BOB)).text, /^HTTP\/1\.1 403/)
  took.push(await soon(page, 'refusals', 'denied.test:443'))
  const [denied, refused] = await page.locator('section[aria-labelledby="refusals"] tbody tr').allTextContents()
  t.match(denied, /denied 403.*bob.*denied\.test:443.*deny list/)
  t.match(refused, /refused 407.*rejected/)
  t.comment(took.map(Math.round))
  t.ok(took.sort((a, b) => a - b)[2]! < SOON, 'but for single ones, where the machine does something else')
  t.strictSame(complaints, [])
})

t.test('a page on the server of the application: it is there behind the hook alone, for the forward proxy too', async t => {
  const { app, port, url } = await gateway(t, {
    status: { onRequest: async (request, reply) => { if (request.headers.authorization !== 'yes') await reply.code(401).send('operators only') } }
  })
  for (const path of ['', '/events', '/snapshot.json']) t.equal((await app.inject(`/proxy-status${path}`)).statusCode, 401)
  t.match((await app.inject({ url: '/proxy-status/snapshot.json', headers: { authorization: 'yes' } })).json(), { exchanges: [] })
  const client = await RawClient.to(t, port)
  client.send(`GET ${url}/proxy-status HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nProxy-Authorization: ${ALICE}\r\nAuthorization: yes\r\n\r\n`)
  t.match(await client.answer(), /^HTTP\/1\.1 403/, 'the proxy leads to no page of its own')
})

t.test('a listener of its own: the forward proxy does not lead there', async t => {
  const { port, page } = await withStatus(t)
  const { host } = new URL(page)
  t.match((await tunnel(t, port, host)).text, /^HTTP\/1\.1 403/)
  const client = await RawClient.to(t, port)
  client.send(`GET ${page} HTTP/1.1\r\nHost: ${host}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
  t.match(await client.answer(), /^HTTP\/1\.1 403/)
})

t.test('an application that closes: events end, the listener closes, and nothing keeps it', async t => {
  const { app, page } = await withStatus(t)
  const response = await ask(t, `${page}events`)
  const next = messagesOf(response)
  t.match(await next(), { event: 'snapshot' })
  const ended = once(response, 'close')
  await app.close()
  await ended
  await t.rejects(ask(t, page), { code: 'ECONNREFUSED' })
})

t.test('a quota: the page shows what is left of it, and that it is spent', { skip }, async t => {
  const { port, page: url } = await withStatus(t, { limits: [{ name: 'daily', quota: { octets: 20_000, per: 'day' } }] })
  const { authority } = await tcpOrigin(t)
  const page = await (await chromiumPages(t))(url)
  await live(page)
  const client = await tunnel(t, port, authority)
  client.send('x'.repeat(2500))
  await client.until(text => text.endsWith('x'.repeat(2500)))
  await soon(page, 'users', '15.0 kB of 20.0 kB left')
  t.match(await page.locator('meter').getAttribute('aria-label'), /^Quota daily: 15\.0.kB of 20\.0.kB left$/)
  client.send('x'.repeat(20_000))
  await client.end()
  await soon(page, 'refusals', 'quota: the limit is reached, and what was under way has ended (daily)')
  await soon(page, 'users', '0 B of 20.0 kB left')
})

t.test('paths and queries: they are there where the log has them, and nowhere else', async t => {
  for (const paths of [false, true]) {
    const { port, page } = await withStatus(t, { log: { paths } })
    const { authority } = await tcpOrigin(t, socket => { socket.resume() })
    const client = await RawClient.to(t, port)
    client.send(`GET http://${authority}/reset?token=secret HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    const next = messagesOf(await ask(t, `${page}events`))
    let text = ''
    while (!text.includes(authority)) text = JSON.stringify(await next())
    t.equal(text.includes('token=secret'), paths)
    t.notMatch(text, /alice-secret|YWxpY2U6/)
  }
})

t.test('names, targets and reasons with any char: they are text', { skip }, async t => {
  const evil = '<img src=x onerror="pwned=1"><script>pwned=1</script>\'"&\u0000\u202e'
  const { port, page: url } = await withStatus(t, {
    strategies: [new BasicStrategy({ verify: () => ({ username: evil }) as never })],
    principal: () => evil,
    forward: { special: ['127.0.0.1:*'], check: ({ host }) => host === 'denied.test' ? evil.replaceAll('\u0000', '') : true }
  })
  const { authority } = await tcpOrigin(t)
  const page = await (await chromiumPages(t))(url)
  const complaints = complaintsOf(page)
  await live(page)
  await tunnel(t, port, authority)
  await soon(page, 'users', '<img src=x onerror="pwned=1">')
  await tunnel(t, port, 'denied.test:443')
  await page.locator('section[aria-labelledby="refusals"] tbody tr').first().waitFor({ timeout: LATE })
  await page.locator('#filter').fill('<script>')
  t.equal(await page.evaluate('document.querySelectorAll("img, main script, iframe").length'), 0)
  t.equal(await page.evaluate('typeof pwned'), 'undefined')
  const [name] = await page.locator('section[aria-labelledby="users"] td.name').allTextContents()
  t.equal(name, evil.replace('\u0000', '\\u{0}').replace('\u202e', '\\u{202e}'))
  t.strictSame(complaints, [])
})

/** Many tunnels of some users, each of which moves on each time. */
function many (count: number): () => StatusSnapshot {
  let moved = 0
  const users = Array.from({ length: 20 }, (_, index) => `user-${index}`)
  return () => {
    moved += 1000
    const exchanges: StatusExchange[] = Array.from({ length: count }, (_, index) => exchangeRow({ key: index + 1, id: `req-${index}`, user: users[index % 20]!, ageMs: index * 1000, bytesIn: moved + index, rateIn: (index * 7919) % 1000 }))
    return snapshot({ uptimeMs: 10_000_000 + moved, exchanges, users: users.map(user => userRow({ user, bytesIn: moved })), refusals: [refusalRow()], parents: [{ parent: 'corp', state: 'fails', error: 'ECONNREFUSED', failingMs: 5000 }] })
  }
}

t.test('two thousand tunnels that move: the page responds at once, and has some hundred rows', { skip }, async t => {
  const { page, complaints } = await showing(t, many(2000))
  const table = page.locator('section[aria-labelledby="exchanges"]')
  t.match(await table.locator('h2').textContent(), /2000/)
  const rows = async () => await table.locator('tbody tr').count()
  t.equal(await rows(), 50)
  await table.locator('.more').click()
  await until(async () => await rows() === 250)
  const took = await atBest(1000, async () => await page.evaluate(`(async () => {
    const filter = document.getElementById('filter')
    const filterBy = async (text) => {
      filter.value = text
      filter.dispatchEvent(new Event('input'))
      await new Promise(requestAnimationFrame)
      await new Promise(requestAnimationFrame)
    }
    await filterBy('')
    const started = performance.now()
    document.querySelector('section[aria-labelledby="exchanges"] th:first-child button').click()
    await filterBy('user-7')
    return performance.now() - started
  })()`) as number)
  t.comment(`${Math.round(took)} ms`)
  t.ok(took < 1000, `${took} ms`)
  t.match(await table.locator('h2').textContent(), /100 of 2000/)
  t.equal(await rows(), 100)
  const sent = table.locator('tbody tr').first().locator('td[data-label="Sent"]')
  const before = await sent.textContent()
  await until(async () => await sent.textContent() !== before)
  t.strictSame(complaints, [])
})

t.test('the width of a phone: nothing is beyond the edge, however long it is', { skip }, async t => {
  const long = 'x'.repeat(250)
  const collect = () => snapshot({ users: [userRow({ user: long, quotas: [{ limit: long, octets: 10, left: 5, renews: '2026-12-01T00:00:00.000Z' }] })], exchanges: [exchangeRow({ user: long, target: `${long}.test:443`, rule: long, parent: long, id: long })], refusals: [refusalRow({ reason: long, by: long })], parents: [{ parent: long, state: 'fails', error: long, failingMs: 1 }] })
  const { url, open } = await showing(t, collect)
  for (const width of [320, 390, 800, 1280]) {
    const page = await open(url, { width, height: 800, scheme: 'dark' })
    await live(page)
    t.equal(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'), 0, `${width} px`)
    await page.close()
  }
})

t.test('keyboard and screen reader: all is named, and all can be done', { skip }, async t => {
  const { page } = await showing(t, many(60))
  t.strictSame(await page.evaluate(`(() => {
    const wrong = []
    const visible = (node) => node.offsetParent !== null
    for (const table of document.querySelectorAll('table')) if (!table.caption || table.caption.textContent === '') wrong.push('a table without a caption')
    for (const th of document.querySelectorAll('th')) if (th.scope !== 'col') wrong.push('a header without a scope')
    for (const section of document.querySelectorAll('section')) if (!document.getElementById(section.getAttribute('aria-labelledby'))) wrong.push('a section without a name')
    for (const field of document.querySelectorAll('input')) if (field.labels.length === 0) wrong.push('a field without a label')
    for (const meter of document.querySelectorAll('meter')) if (!meter.getAttribute('aria-label')) wrong.push('a bar without a name')
    for (const button of document.querySelectorAll('button')) if (visible(button) && button.textContent.trim() === '') wrong.push('a button without a name')
    for (const svg of document.querySelectorAll('svg')) if (svg.getAttribute('aria-hidden') !== 'true') wrong.push('a plot that is read out')
    if (new Set(Array.from(document.querySelectorAll('[id]'), ({ id }) => id)).size !== document.querySelectorAll('[id]').length) wrong.push('an id twice')
    return wrong
  })()`), [])
  t.equal(await page.locator('[aria-live="polite"]').count(), 1)
  t.match(await page.locator('[aria-live="polite"]').textContent(), /tunnel.*user.*refused.*1 parent proxy fails/)

  const focused = async () => await page.evaluate('document.activeElement.textContent || document.activeElement.id') as string
  await page.keyboard.press('Tab')
  t.equal(await focused(), 'Skip to what is open')
  await page.keyboard.press('Enter')
  t.match(await focused(), /Open now/)
  await page.keyboard.press('Tab')
  t.equal(await focused(), 'User')
  await page.keyboard.press('Enter')
  await page.waitForSelector('section[aria-labelledby="exchanges"] th:first-child[aria-sort="ascending"]')
  await page.keyboard.press('Space')
  await page.waitForSelector('section[aria-labelledby="exchanges"] th:first-child[aria-sort="descending"]')
  const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
  t.equal(outline, 'solid', 'the focus is seen')

  await page.locator('#pause').click()
  t.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'true')
  t.match(await page.locator('#state').textContent(), /^Paused at/)
  const shown = async () => (await page.locator('tbody tr').allTextContents()).join('\n')
  const before = await shown()
  await new Promise(resolve => setTimeout(resolve, 1500)) // for what must not happen
  t.equal(await shown(), before)
  await page.locator('#pause').click()
  await page.waitForSelector('#state[data-state="live"]')
  await until(async () => await shown() !== before)
})

t.test('light and dark: all text has a contrast of 4.5 at least with what is behind it', { skip }, async t => {
  const { url, open } = await showing(t, many(5))
  for (const scheme of ['light', 'dark'] as const) {
    const page = await open(url, { scheme })
    await live(page)
    const least = await page.evaluate(`(() => {
      const channels = (colour) => colour.match(/[\\d.]+/g).map(Number)
      const luminance = ([red, green, blue]) => [red, green, blue].map((part) => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0)
      const behind = (node) => { for (; node; node = node.parentElement) { const own = channels(getComputedStyle(node).backgroundColor); if (own.length === 3 || own[3] === 1) return own } }
      let least = [99]
      for (const node of document.querySelectorAll('body *')) {
        if (node.offsetParent === null || ![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== '')) continue
        const [one, other] = [luminance(channels(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a)
        const contrast = (one + 0.05) / (other + 0.05)
        if (contrast < least[0]) least = [contrast, node.tagName + ' ' + node.textContent]
      }
      return least
    })()`) as [number, string]
    t.ok(least[0] >= 4.5, `${scheme}: ${least.join(' ')}`)
    t.ok(least[0] < 99)
    await page.close()
  }
})

t.test('a gateway that is gone and comes again: the page says so, and goes on', { skip }, async t => {
  const port = await closedPort() // no other server gets it meanwhile
  const { page, server, complaints } = await showing(t, many(1), port)
  await server.close()
  await page.waitForSelector('#state[data-state="lost"]')
  t.match(await page.locator('#state').textContent(), /^Connection lost, trying again\. Values of /)
  const collect = many(3)
  const again = createStatusServer(Fastify().log, readStatus({ listen: { port } }), { feed: new StatusFeed(collect), collect })
  await again.listen({ host: '127.0.0.1', port })
  t.teardown(() => again.close())
  await live(page)
  await until(async () => await page.locator('section[aria-labelledby="exchanges"] tbody tr').count() === 3)
  t.notOk(complaints.some(text => !text.includes('ERR_')), 'the browser tells of connections, and of nothing else')
})

t.test('a gateway that refuses the connection: the page says how to sign in', { skip }, async t => {
  let isIn = true
  const collect = many(1)
  const feed = new StatusFeed(collect)
  const server = createStatusServer(Fastify().log, readStatus({ listen: { port: 0 }, onRequest: async (_request, reply) => { if (!isIn) await reply.code(401).send() } }), { feed, collect })
  t.teardown(() => server.close())
  const page = await (await chromiumPages(t))(await server.listen({ host: '127.0.0.1', port: 0 }))
  await live(page)
  isIn = false
  feed.close()
  await until(async () => /^The gateway refuses the connection.*load the page anew/.test(await page.locator('#state').textContent() ?? ''))
})

t.test('Firefox: the page is live there, too', { skip: browsers.Firefox.skip }, async t => {
  const collect = many(3)
  const server = createStatusServer(Fastify().log, readStatus({ listen: { port: 0 } }), { feed: new StatusFeed(collect), collect })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close())
  const browser = await browsers.Firefox.startDirect(t)
  t.equal(await browser.run(url, `new Promise((resolve) => {
    const looking = setInterval(() => {
      const rows = document.querySelectorAll('section[aria-labelledby="exchanges"] tbody tr').length
      if (document.getElementById('state').textContent !== 'Live' || rows === 0) return
      clearInterval(looking)
      resolve(rows)
    }, 50)
  })`), 3)
})
