// New rules while requests are under way: what they forbid ends, and nothing else does.
import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { policyFile } from '../../lib/index.js'
import type { PolicyDocument, PolicyFile } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { Gateway, GatewayOptions } from '../fixtures/gateway.js'
import { Http2Client } from '../fixtures/http2-client.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { tcpOrigin } from '../fixtures/tcp-origin.js'
import { until } from '../fixtures/until.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

const ANY = ['*:*', '0.0.0.0/0:*']
const allow = (...users: string[]): PolicyDocument => ({ rules: [{ users, to: ANY, special: true, action: 'allow' }, { users, routes: ['/api'], action: 'allow' }] })
const BOTH = allow('alice', 'bob')
const ALONE = allow('alice')

/** Whether by an error or not. */
async function closeOf (stream: EventEmitter): Promise<void> {
  await new Promise(resolve => { stream.once('close', resolve) })
}

interface Ruled { readonly gate: Gateway, readonly policy: PolicyFile, write (document: PolicyDocument | string): Promise<void> }

/** A gateway by rules in a file. */
async function ruled (t: Test, options: GatewayOptions = {}): Promise<Ruled> {
  const path = join(t.testdir({}), 'policy.json')
  let count = 0
  const write = async (document: PolicyDocument | string) => {
    const next = `${path}.${count++}`
    await writeFile(next, typeof document === 'string' ? document : JSON.stringify(document))
    await rename(next, path)
  }
  await write(BOTH)
  const policy = policyFile(path, { interval: 20, log: () => {} })
  t.teardown(() => policy.close())
  return { gate: await gateway(t, { policy, ...options }), policy, write }
}

t.test('rules that forbid what one user has under way: it ends within a second in every form, and of other users nothing does', async t => {
  const target = await webSocketOrigin(t)
  const echo = await tcpOrigin(t)
  const slow = await origin(t, (_request, response) => { response.write('begun') })
  for (const http2 of [false, true]) {
    const { gate, write } = await ruled(t, {
      reverse: [{ prefix: '/api', upstream: slow.url }, { prefix: '/socket', upstream: target.url, websocket: true }, { prefix: '/left', upstream: target.url, websocket: true, wsHooks: {} } as never],
      fastify: { http2 } as never
    })
    const rules = (...users: string[]): PolicyDocument => ({ rules: [...allow(...users).rules, { users, routes: ['/socket', '/left'], action: 'allow' }] })
    await write(rules('alice', 'bob'))
    await gate.logged(({ msg }) => msg === 'policy: new rules are in force')
    const ended: string[] = []
    const going: Array<() => boolean> = []
    for (const credentials of [ALICE, BOB]) {
      const user = credentials === BOB ? 'bob' : 'alice'
      const follow = (what: string, closed: Promise<unknown>) => {
        let over = false
        closed.then(() => { over = true; ended.push(`${user} ${what}`) }, () => {})
        going.push(() => user === 'bob' || !over)
      }
      if (http2) {
        const client = await Http2Client.to(t, gate.url)
        const tunnel = await client.tunnel(echo.authority, credentials)
        follow('tunnel', closeOf(tunnel))
        for (const fields of [{ ':scheme': 'http', ':authority': slow.authority, ':path': '/' }, { ':path': '/api/' }]) {
          const stream = client.send({ ':method': 'GET', ...fields, 'proxy-authorization': credentials })
          stream.resume()
          await once(stream, 'response')
          follow(JSON.stringify(fields), closeOf(stream))
        }
        continue
      }
      const field = `Proxy-Authorization: ${credentials}`
      const tunnel = await RawClient.to(t, gate.port)
      t.match(await tunnel.send(connectHead(echo.authority, field)).answer(), / 200 /)
      follow('tunnel', tunnel.end())
      for (const where of [`http://${slow.authority}/`, '/api/']) {
        const client = await RawClient.to(t, gate.port)
        await client.send(`GET ${where} HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`).until(text => text.includes('begun'))
        follow(where, client.end())
      }
      const headers = { 'Proxy-Authorization': credentials }
      for (const [url, asked] of [[gate.url, `http://${target.authority}/chat`], [`${gate.url}/socket/chat`], [`${gate.url}/left/chat`]] as const) {
        const socket = webSocket(t, url, { ...(asked !== undefined && { target: asked }), headers })
        await next(socket, 'open')
        follow(`socket ${going.length}`, next(socket, 'close'))
      }
    }
    const begun = performance.now()
    await write(rules('alice'))
    const expected = going.length / 2
    while (ended.length < expected) {
      await wait(5)
      if (performance.now() - begun > 20_000) break
    }
    t.equal(ended.length, expected, ended.join())
    t.same(ended.filter(each => !each.startsWith('bob ')), [])
    t.ok(performance.now() - begun < 1000 || process.env['CI'] !== undefined, 'within a second')
    t.ok(going.every(goes => goes()), 'what is of others goes on')
    const told = () => gate.proxied().filter(({ reason }) => reason === 'forbidden').length
    await until(() => told() >= expected)
    t.equal(told(), expected)
  }
})

t.test('rules that forbid what waits for its target: a tunnel is refused, and a request is cut', async t => {
  const silent = await tcpOrigin(t, () => {})
  const { gate, write } = await ruled(t, { forward: { special: ANY, lookup: () => {} } as never })
  const tunnel = await RawClient.to(t, gate.port)
  tunnel.send(connectHead('origin.test:443', `Proxy-Authorization: ${BOB}`))
  const absolute = await RawClient.to(t, gate.port)
  absolute.send(`GET http://${silent.authority}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${BOB}\r\n\r\n`)
  await silent.next()
  await write(ALONE)
  t.match(await tunnel.answer(), /403 .*new rules refuse it/s)
  t.equal(await absolute.end(), '')
})

t.test('a file that is written every ten milliseconds, broken ones among it: no allowed request is lost, no other gets through (200 requests at a time)', async t => {
  const target = await origin(t)
  const { gate, write } = await ruled(t, { reverse: [{ prefix: '/api', upstream: target.url }] })
  const over = new AbortController()
  const count = { written: 0 }
  const writing = (async () => {
    for (; !over.signal.aborted; count.written++) {
      await write(count.written % 3 === 0 ? '{ broken' : count.written % 3 === 1 ? ALONE : BOTH)
      await wait(10)
    }
  })()
  const statuses = new Map<string, number>()
  const note = (of: string) => { statuses.set(of, (statuses.get(of) ?? 0) + 1) }
  const ask = async (credentials: string) => {
    const name = credentials === ALICE ? 'alice' : 'bob'
    const answer = await fetch(`${gate.url}/api/`, { headers: { 'proxy-authorization': credentials } }).then(({ status }) => String(status), () => 'broken')
    note(`${name} ${answer}`)
  }
  let rounds = 0
  while (rounds < 5 || count.written <= 10) {
    rounds += 1
    await Promise.all(Array.from({ length: 200 }, (_, i) => ask(i % 2 === 0 ? ALICE : BOB)))
  }
  over.abort()
  await writing
  t.equal(statuses.get('alice 200'), 100 * rounds, JSON.stringify([...statuses]))
  t.same([...statuses.keys()].filter(key => !['alice 200', 'bob 200', 'bob 403', 'bob broken'].includes(key)), [])
})

t.test('proxyAuthReload: takes the file over now, and tells of a broken one, behind which the old rules stand', async t => {
  const target = await tcpOrigin(t)
  const path = join(t.testdir({ 'policy.json': JSON.stringify(BOTH) }), 'policy.json')
  const policy = policyFile(path, { interval: 2 ** 31 - 1, log: () => {} })
  t.teardown(() => policy.close())
  const { app, port } = await gateway(t, { policy })
  const ask = async () => await (await RawClient.to(t, port)).send(connectHead(target.authority, `Proxy-Authorization: ${BOB}`)).answer()
  t.match(await ask(), / 200 /)
  await writeFile(path, '{ broken')
  await t.rejects(app.proxyAuthReload(), { code: 'FST_PROXY_AUTH_RELOAD_FAILED', what: 'policy', errors: [{ code: 'FST_PROXY_AUTH_BAD_OPTION', message: /line 1/ }] })
  t.match(await ask(), / 200 /)
  await writeFile(path, JSON.stringify(ALONE))
  await app.proxyAuthReload()
  t.match(await ask(), / 403 /)
})

t.test('proxyAuthExplain: answers why a user was refused', async t => {
  const { gate } = await ruled(t, { authorize: () => true })
  t.match(await gate.app.proxyAuthExplain({ user: 'carol', target: '127.0.0.1:8443' }), { allowed: false, asksCode: true, summary: '127.0.0.1:8443 is denied: no rule allows it' })
  t.match(await gate.app.proxyAuthExplain({ user: 'alice', target: '127.0.0.1:8443' }), { allowed: true, rule: 'rules[0]' })
  const bare = await gateway(t, { forward: undefined } as never)
  t.match(await bare.app.proxyAuthExplain({ user: 'alice', target: '127.0.0.1:8443' }), { allowed: false, asksCode: false })
})
