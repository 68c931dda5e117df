import t from 'tap'
import type { Test } from 'tap'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Seen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const SPELLINGS = ['X-Proxy-User', 'x-proxy-user', 'X_Proxy_User', 'x-PROXY_user', 'X.Proxy.User']
const FORGED = SPELLINGS.map(name => `${name}: mallory`)
const identityIn = ({ rawHeaders }: Seen) =>
  rawHeaders.flatMap((name, i) => i % 2 === 0 && /^x.proxy.user$/i.test(name) ? [`${name.toLowerCase()}: ${rawHeaders[i + 1]}`] : [])

async function ask (t: Test, { port, origin }: Surroundings, form: Form, fields: string[], path = '/'): Promise<Answer> {
  const client = await RawClient.to(t, port)
  const text = await client.send(message(form, origin.authority, fields, { path })).until(text => text.includes('\r\n\r\n'))
  client.socket.destroy()
  return readAnswer(text)
}

t.test('a reverse upstream: it is told the user, and by the gateway alone (R-MAP-7, S23, S24, CVE-2026-33805)', async t => {
  const around = await surroundings(t, { identity: { header: 'X-Proxy-User' } })
  const { seen } = around.origin
  for (const fields of [[], FORGED, ['Connection: X-Proxy-User, x_proxy_user'], ['Connection: x-proxy-user', ...FORGED]]) {
    t.equal((await ask(t, around, 'origin-form', [RIGHT, ...fields])).status, 200)
    t.same(identityIn(seen.pop()!), ['x-proxy-user: alice'], fields.join())
  }
})

t.test('not when it is not configured: then it is a field like any other (R-MAP-7)', async t => {
  for (const identity of [undefined, false] as const) {
    const upstream = await origin(t)
    const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: upstream.url, ...(identity === false && { identity }) }] })
    const client = await RawClient.to(t, port)
    t.equal(readAnswer(await client.send(message('origin-form', '', [RIGHT, 'X-Proxy-User: me'])).answer()).status, 200)
    t.same(identityIn(upstream.seen[0]!), ['x-proxy-user: me'])
  }
})

t.test('routes with identity options of their own: each is followed, and no client can forge the field', async t => {
  const upstream = await origin(t)
  const value = ({ name, scheme }: { name: string, scheme: string | null }) => `${scheme} ${name}`
  const { port } = await gateway(t, {
    identity: { header: 'x-proxy-user' },
    reverse: [
      { prefix: '/a', upstream: upstream.url },
      { prefix: '/b', upstream: upstream.url, identity: { header: 'x-remote-user', value } },
      { prefix: '/c', upstream: upstream.url, identity: false },
      { prefix: '/d', upstream: upstream.url, status: 401 as const }
    ]
  })
  const told = async (path: string, field = RIGHT) => {
    const client = await RawClient.to(t, port)
    const lines = [`GET ${path} HTTP/1.1`, 'Host: gw.test', field, ...FORGED, 'X-Remote_User: mallory', '', '']
    t.equal(readAnswer(await client.send(lines.join('\r\n')).answer()).status, 200, path)
    const { headers } = upstream.seen.pop()!
    return Object.fromEntries(Object.entries(headers).filter(([name]) => /^x.(proxy|remote).user$/.test(name)))
  }
  t.same(await told('/a'), { 'x-proxy-user': 'alice' })
  t.same(await told('/b'), { 'x-remote-user': 'Basic alice' })
  t.same(await told('/c'), {})
  t.same(await told('/d', RIGHT.replace('Proxy-', '')), { 'x-proxy-user': 'alice' }, 'where we are the origin, too')
})

t.test('options that rewrite fields by copying what came: the identity for the upstream is unchanged', async t => {
  const upstream = await origin(t)
  const { port } = await gateway(t, {
    identity: { header: 'x-proxy-user' },
    reverse: [{
      prefix: '/api',
      upstream: upstream.url,
      replyOptions: { rewriteRequestHeaders: (request: { headers: object }, headers: object) => ({ ...headers, ...request.headers, X_Proxy_User: 'copied' }) }
    } as never]
  })
  const client = await RawClient.to(t, port)
  t.equal(readAnswer(await client.send(message('origin-form', '', [RIGHT, ...FORGED])).answer()).status, 200)
  t.same(identityIn(upstream.seen[0]!), ['x-proxy-user: alice'])
})

t.test('a route that is an origin, options that set Authorization: the upstream gets that, and never the client\'s', async t => {
  const upstream = await origin(t)
  const route = (prefix: string, rewriteRequestHeaders: (request: { headers: object, raw: { headers: object } }, headers: object) => object) =>
    ({ prefix: `/api${prefix}`, upstream: upstream.url, status: 401, replyOptions: { rewriteRequestHeaders } })
  const { port } = await gateway(t, {
    reverse: [
      route('/set', (_request, headers) => ({ ...headers, Authorization: 'Bearer of-the-gateway' })),
      route('/copied', (request, headers) => ({ ...headers, ...request.headers, ...request.raw.headers }))
    ] as never
  })
  const told = async (path: string) => {
    const client = await RawClient.to(t, port)
    const answer = await client.send(message('origin-form', '', [RIGHT.replace('Proxy-', ''), RIGHT], { path })).answer()
    t.equal(readAnswer(answer).status, 200)
    const { headers } = upstream.seen.pop()!
    return [headers.authorization, headers['proxy-authorization']]
  }
  t.same(await told('/set'), ['Bearer of-the-gateway', undefined])
  t.same(await told('/copied'), [undefined, undefined])
})

t.test('a target of the forward proxy: it is told no identity, and gets none from a client', async t => {
  const around = await surroundings(t, { identity: { header: 'x-proxy-user' } })
  t.equal((await ask(t, around, 'absolute-form', [RIGHT, ...FORGED, 'X-Proxy-Users: kept'])).status, 200)
  const [seen] = around.origin.seen
  t.same(identityIn(seen!), [])
  t.equal(seen!.headers['x-proxy-users'], 'kept')
  t.equal((await ask(t, around, 'CONNECT', [RIGHT, ...FORGED])).status, 200)
})

t.test('a name that cannot stand in a field: 500, and nothing is sent (R-SEC-5)', async t => {
  const around = await surroundings(t, { identity: { header: 'x-proxy-user' }, strategies: [basic()], principal: () => 'a\r\nX-Admin: 1' })
  const { status } = await ask(t, around, 'origin-form', [RIGHT])
  t.equal(status, 500)
  t.equal(around.origin.connections, 0)
  for (const form of FORMS.filter(form => form !== 'origin-form')) t.equal((await ask(t, around, form, [RIGHT])).status, 200, form)
})
