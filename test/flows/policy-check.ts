// Rules as the function `forward.check`, over sockets: all forms of requests to the forward proxy, and every spelling of a host.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BasicStrategy, htpasswd, policyFile } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import { message } from '../fixtures/forms.js'
import { knowing } from '../fixtures/lookup.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const SHA = '{SHA}KusvaLb24DJ0ziPMVrqjntyCRkM=' // alice-secret
const field = (credentials: string) => `Proxy-Authorization: ${credentials}`
const UPGRADE = ['Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']

t.test('rules of a file, and groups of a file: they decide in each form, tell their reason, and change while the gateway runs', async t => {
  const { port: target, seen } = await origin(t)
  const folder = t.testdir({ users: `alice:${SHA}\nbob:${SHA}\n`, groups: 'ci: alice\n' })
  const file = join(folder, 'policy.yaml')
  const rules = (host: string) => `rules:\n  - name: closed\n    to: ['*.closed.test']\n    action: deny\n    reason: closed for all\n  - groups: [ci]\n    to: ['${host}:*']\n    action: allow\n`
  writeFileSync(file, rules('open.test'))
  const users = htpasswd(join(folder, 'users'), { groups: join(folder, 'groups') })
  const policy = policyFile(file, { interval: 1_000_000 })
  t.teardown(() => Promise.all([users.close(), policy.close()]))
  const { port } = await gateway(t, {
    strategies: [new BasicStrategy({ verify: users.verify })],
    forward: { check: policy.check, special: ['open.test:*', 'other.test:*'], lookup: knowing('open.test') }
  })
  const ask = async (head: string) => {
    const client = await RawClient.to(t, port)
    const { line, body } = readAnswer(await client.send(head).answer())
    return { status: line.split(' ')[1]!, body }
  }
  const bob = BOB.replace(Buffer.from('bob:bob-secret').toString('base64'), Buffer.from('bob:alice-secret').toString('base64'))
  const each = (host: string, credentials: string) => [
    message('CONNECT', `${host}:${target}`, [field(credentials)]), message('absolute-form', `${host}:${target}`, [field(credentials)]), message('absolute-form', `${host}:${target}`, [field(credentials), ...UPGRADE])
  ]
  for (const head of each('open.test', ALICE)) t.match(await ask(head), { status: '200' }, head)
  for (const head of each('OPEN.test.', ALICE)) t.match(await ask(head), { status: '200' }, head)
  const served = seen.length
  for (const head of each('open.test', bob)) t.match(await ask(head), { status: '403', body: /target denied: no rule allows it/ }, head)
  for (const host of ['a.closed.test', 'A.Closed.TEST.']) {
    for (const head of each(host, ALICE)) t.match(await ask(head), { status: '403', body: /target denied: closed for all/ }, head)
  }
  for (const host of ['127.0.0.1', '0177.1', '2130706433', '0x7f.1', '[::ffff:7f00:1]']) {
    for (const head of each(host, ALICE)) t.match(await ask(head), { status: '403' }, head)
  }
  t.equal(seen.length, served, 'nothing of it came to the target')

  writeFileSync(file, rules('other.test'))
  await policy.reload()
  t.match(await ask(connectHead(`open.test:${target}`, field(ALICE))), { status: '403', body: /no rule allows it/ })
  writeFileSync(file, 'rules: [')
  await t.rejects(policy.reload(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.match(await ask(connectHead(`open.test:${target}`, field(ALICE))), { status: '403' }, 'a broken file changes nothing')
  writeFileSync(file, rules('open.test'))
  await policy.reload()
  t.match(await ask(connectHead(`open.test:${target}`, field(ALICE))), { status: '200' })
})
