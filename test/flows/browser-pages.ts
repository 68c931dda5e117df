import t from 'tap'
import { always, browsers } from '../fixtures/browsers.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

t.test('what the proxy refuses is a page for a browser, and JSON for a program', async t => {
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

t.test('an error handler of the application has the word', async t => {
  const { port } = await gateway(t, {
    forward: { allow: [] }, before: app => { app.setErrorHandler(async (_error, _request, reply) => await reply.code(403).send('mine')) }
  })
  const client = await RawClient.to(t, port)
  const { status, body } = readAnswer(await client.send(`GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n${BROWSER}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer())
  t.same([status, body], [403, 'mine'])
})

t.test('a browser shows them', { skip: browsers.Chromium.skip }, async t => {
  const { port } = await gateway(t, { forward: { allow: ['*.example.test'] } })
  const browser = await browsers.Chromium.startConfigured(t, always(`PROXY 127.0.0.1:${port}`))
  const read = async (url: string, password: string) => await browser.run(url, { username: 'alice', password }, 'document.body.innerText') as string
  t.match(await read('http://www.example.test/', 'wrong'), /^407 Proxy Authentication Required[^]*Realm: Gateway$/)
  t.match(await read('http://other.test/', 'alice-secret'), /^403 Forbidden[^]*not on the allow list$/)
})
