import t from 'tap'
import type { Test } from 'tap'
import { proxyAuthenticate } from '../../lib/index.js'
import { basic as pair } from '../fixtures/attempt.js'
import { FORMS, NAMED, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

async function ask (t: Test, { port }: Surroundings, form: Form, authority: string, credentials?: string): Promise<Answer> {
  const client = await RawClient.to(t, port)
  const fields = credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]
  const text = await client.send(message(form, authority, fields)).until(text => text.includes('\r\n\r\n'))
  client.socket.destroy()
  return readAnswer(text)
}

for (const form of FORMS.filter(form => form !== 'origin-form')) {
  t.test(`${form}: without credentials to some targets, by a name; wrong ones are still a 407`, async t => {
    const around = await surroundings(t, { anonymous: { to: ['origin.test'], name: 'guest' } })
    const named = NAMED(around.origin.port)
    t.equal((await ask(t, around, form, named)).status, 200)
    t.equal((await ask(t, around, form, named.toUpperCase())).status, 200, 'in any spelling of the name')
    t.equal((await ask(t, around, form, named, pair('alice', 'wrong'))).status, 407)
    t.equal((await ask(t, around, form, named, 'Other x')).status, 407)
    t.equal((await ask(t, around, form, named, ALICE)).status, 200)
    t.equal((await ask(t, around, form, around.origin.authority)).status, 407, 'other targets, by the name that the client says')
    t.equal((await ask(t, around, form, around.origin.authority, ALICE)).status, 200)
    const lineOf = async (name: string) => (await around.logged(({ proxy }) => (proxy as { user?: string })?.user === name))['proxy']
    t.match(await lineOf('alice'), { scheme: 'Basic' })
    t.match(await lineOf('guest'), { scheme: null })
  })

  t.test(`${form}: it lifts nothing of the policy`, async t => {
    const around = await surroundings(t, { anonymous: { to: ['*'] }, forward: { deny: ['origin.test'], special: ['127.0.0.1:*', 'origin.test:*'] } })
    const { status } = await ask(t, around, form, NAMED(around.origin.port))
    t.equal(status, 403)
    t.equal((await ask(t, around, form, `127.0.0.1:${around.port}`)).status, 403, 'nor that we are no target')
  })
}

t.test('anonymous access on reverse routes: it is given where the route says so, and on no other route', async t => {
  const upstream = await origin(t)
  const { port } = await gateway(t, {
    identity: { header: 'x-proxy-user' },
    reverse: [
      { prefix: '/open', upstream: upstream.url, anonymous: true },
      { prefix: '/closed', upstream: upstream.url },
      { prefix: '/own', upstream: upstream.url, anonymous: true, status: 401 as const }
    ],
    after: app => app.get('/admin', { onRequest: proxyAuthenticate }, async () => 'admin')
  })
  const status = async (path: string, fields: string[] = []) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send([`GET ${path} HTTP/1.1`, 'Host: gw.test', ...fields, '', ''].join('\r\n')).answer()).status
  }
  t.equal(await status('/open'), 200)
  t.equal(upstream.seen.pop()!.headers['x-proxy-user'], 'anonymous')
  t.equal(await status('/open', ['X-Proxy-User: alice']), 200)
  t.equal(upstream.seen.pop()!.headers['x-proxy-user'], 'anonymous')
  t.equal(await status('/open', [`Proxy-Authorization: ${ALICE}`]), 200)
  t.equal(upstream.seen.pop()!.headers['x-proxy-user'], 'alice')
  t.equal(await status('/open', [`Proxy-Authorization: ${pair('alice', 'wrong')}`]), 407)
  t.equal(await status('/closed'), 407)
  t.equal(await status('/admin'), 407)
  t.equal(await status('/own'), 200)
  t.equal(await status('/own', [`Authorization: ${pair('alice', 'wrong')}`]), 401)
})

t.test('a refused CONNECT closes the connection: what follows might be let in as the client (R-CONN-3)', async t => {
  const around = await surroundings(t, { anonymous: { to: ['origin.test'] } })
  const client = await RawClient.to(t, around.port)
  const { status, fields } = readAnswer(await client.send(message('CONNECT', around.origin.authority)).end())
  t.equal(status, 407)
  t.equal(fields['connection'], 'close')
})
