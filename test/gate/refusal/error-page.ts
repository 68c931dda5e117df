import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { Forbidden, TargetDenied } from '../../../lib/errors.js'
import { errorPages } from '../../../lib/gate/refusal/error-page.js'
import { readPages } from '../../../lib/gate/refusal/page.js'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

async function app (t: Test, fail: () => unknown = () => { throw new Forbidden('<b>') }, proxyAuth: object | null = null) {
  const app = Fastify({ requestIdHeader: 'x-id' })
  t.teardown(() => app.close())
  app.decorateRequest('proxyAuth', null)
  app.addHook('onRequest', async request => { request.proxyAuth = proxyAuth as never })
  app.addHook('onSend', errorPages(readPages({ 403: { detail: 'Not from here.' } })))
  app.all('/', async () => fail())
  await app.ready()
  return app
}

t.test('a client that prefers a page: it gets one', async t => {
  const gate = await app(t)
  for (const accept of [BROWSER, 'text/html', 'application/xhtml+xml;q=0.9, application/json;q=0.8', 'text/*']) {
    const { statusCode, headers, body } = await gate.inject({ url: '/', headers: { accept } })
    t.equal(statusCode, 403)
    t.equal(headers['content-type'], 'text/html; charset=utf-8')
    t.equal(headers['content-length'], String(Buffer.byteLength(body)))
    t.match(body, 'Reason: <strong>&lt;b&gt;</strong>')
    t.match(body, 'Not from here.')
  }
  const denied = await (await app(t, () => { throw new TargetDenied('not there') })).inject({ url: '/', headers: { accept: BROWSER } })
  t.match(denied.body, 'Reason: <strong>not there</strong>')
  const head = await gate.inject({ method: 'HEAD', url: '/', headers: { accept: BROWSER } })
  const { headers } = await gate.inject({ url: '/', headers: { accept: BROWSER } })
  t.equal(head.headers['content-length'], headers['content-length'])
})

t.test('the page of a user who has authenticated: it has the id of the request', async t => {
  const gate = await app(t, undefined, { name: 'alice' })
  const page = async (id: string) => (await gate.inject({ url: '/', headers: { accept: BROWSER, 'x-id': id } })).body
  t.match(await page('<i>'), 'Reference: <strong>&lt;i&gt;</strong>')
  for (const id of ['caf\u00e9', 'x'.repeat(101)]) t.notMatch(await page(id), 'Reference')
  t.notMatch((await (await app(t)).inject({ url: '/', headers: { accept: BROWSER, 'x-id': 'a' } })).body, 'Reference', 'others are not told')
})

t.test('a client that does not prefer a page: it gets JSON', async t => {
  const gate = await app(t)
  for (const accept of [undefined, '*/*', 'application/json', 'application/json, text/plain, */*', 'text/html;q=0.1, application/json', 'text/*;q=0.8, application/*',
    'application/*;q=0.9, text/html;q=0.8']) {
    const { headers, body } = await gate.inject({ url: '/', headers: accept === undefined ? {} : { accept } })
    t.match(headers['content-type'], 'application/json')
    t.match(JSON.parse(body), { statusCode: 403, code: 'FST_PROXY_AUTH_FORBIDDEN' })
  }
})

t.test('a response or an error of others: it stays as it is', async t => {
  for (const [fail, type, status] of [
    [() => '{"statusCode":403}', /^text\/plain/, 200],
    [() => ({ statusCode: 200 }), /^application\/json/, 200],
    [() => { throw Object.assign(new Error('no'), { statusCode: 403 }) }, /^application\/json/, 403],
    [() => { throw Object.assign(new Forbidden('x'), { statusCode: 418 }) }, /^application\/json/, 418]
  ] as Array<[() => unknown, RegExp, number]>) {
    const { headers, statusCode } = await (await app(t, fail)).inject({ url: '/', headers: { accept: BROWSER } })
    t.match(headers['content-type'], type)
    t.equal(statusCode, status)
  }
})
