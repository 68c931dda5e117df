// Proxies that others have made, as parents: what every client can send goes through them, large contents too, and Squid's own log tells
// the accounts apart.
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request as send } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createContentServer, digestOf, transfer } from '../../bench/transfers.js'
import { connectHead } from '../fixtures/connect-head.js'
import { serveEveryClient } from '../fixtures/every-client.js'
import { startTinyproxy, tinyproxy } from '../fixtures/foreign-proxies.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import { listen, origin } from '../fixtures/origin.js'
import { PEER_PARENTS } from '../fixtures/peer-parents.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'
import { wireTap } from '../fixtures/wire-tap.js'
import { Random } from '../fuzz/harness/random.js'

const special = ['127.0.0.1:*']
const SIZE = 100 * 1024 * 1024

for (const { name, skip, start } of PEER_PARENTS) {
  t.test(`${name}: GET, POST, CONNECT and WebSockets of every client go through it, and 100 MB both ways`, { skip }, async t => {
    const { port, credentials } = await start(t)
    const parents = [{ url: `http://localhost:${port}`, name: 'peer', credentials }]
    const { gates, target } = await serveEveryClient(t, { via: 'gw', forward: { special, parents }, route: { parents: ['peer'] } })
    for (const { proxied } of gates) t.match(proxied(), Array(proxied().length).fill({ user: 'alice', status: /^(?:200|101)$/, parent: 'peer' }))
    for (const { rawHeaders } of target.seen) t.notMatch(rawHeaders.join(), /proxy-auth/i)

    const contents = await listen(t, createContentServer())
    const self = await gateway(t, { via: 'gw', forward: { special, parents } })
    const by = { port: self.port, http2Port: self.port, credentials: ALICE }
    const expected = digestOf(SIZE)
    for (const form of ['absolute-form', 'CONNECT'] as const) {
      for (const direction of ['up', 'down'] as const) {
        t.equal(await transfer(form, direction, SIZE, by, contents), expected, `100 MB by ${form}, ${direction}`)
      }
    }
    t.notMatch(JSON.stringify([self, ...gates].map(({ log }) => log)), /-secret/)
  })
}

const REQUESTS = 1_000
const LANES = 8
const SEED = Number(process.env['SEED'] ?? Math.trunc(Math.random() * 2 ** 31))

for (const { name, skip, start } of PEER_PARENTS.filter(({ name }) => name.includes('NTLM'))) {
  t.test(`${name}, two users at random over ${REQUESTS} requests: its log has each under its own account, and no connection served both (S19)`, { skip }, async t => {
    t.comment(`SEED=${SEED}`)
    const random = new Random(SEED)
    const folder = mkdtempSync(join(tmpdir(), 'log-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    chmodSync(folder, 0o777) // for whom Squid runs as
    const log = join(folder, 'access')
    const { port, credentials: alices, others: bobs } = await start(t, { log, hosts: ['alice.test', 'bob.test'] })
    const target = await origin(t, ({ headers }, response) => { response.end(String(headers['x-user'])) })
    const tap = await wireTap(t, port) // by ports its log tells no connections apart: the system gives one twice
    const parents = [{ url: `http://localhost:${tap.port}`, name: 'peer', credentials: ({ name }: { name: string }) => name === 'alice' ? alices : bobs! }]
    const self = await gateway(t, { via: 'gw', forward: { special: ['*.test:*'], parents } })
    const agent = new Agent({ keepAlive: true, maxSockets: LANES / 2 }) // each of its connections serves both
    t.teardown(() => agent.destroy())
    const users = { alice: ALICE, bob: BOB }
    const get = async (user: 'alice' | 'bob', number: number): Promise<string> => await new Promise((resolve, reject) => {
      const headers = { 'proxy-authorization': users[user], 'x-user': user }
      send({ host: '127.0.0.1', port: self.port, path: `http://${user}.test:${target.port}/${number}`, agent, headers }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => resolve(text)).on('error', reject)
      }).on('error', reject).end()
    })
    const connect = async (user: 'alice' | 'bob'): Promise<string> => {
      const client = await RawClient.to(t, self.port)
      const head = await client.send(connectHead(`${user}.test:${target.port}`, `Proxy-Authorization: ${users[user]}`)).answer()
      client.socket.destroy()
      return head.startsWith('HTTP/1.1 200 ') ? user : head
    }
    let number = 0
    const wrong: string[] = []
    await Promise.all(Array.from({ length: LANES }, async () => {
      while (number < REQUESTS) {
        const [user, each] = [random.one(['alice', 'bob'] as const), number++]
        const said = await (random.once(4) ? connect : get)(user, each)
        if (said !== user) wrong.push(`request ${each} of ${user}: ${said}`)
      }
    }))
    t.same(wrong.slice(0, 5), [])

    const lines = (): string[][] => readFileSync(log, 'utf8').trim().split('\n').map(line => line.split(' '))
    const served = (): string[][] => lines().filter(([, , , , status]) => status === '200')
    await until(() => served().length === REQUESTS)
    const isOf = (uri: string, user: string): boolean => uri.replace('http://', '').startsWith(`${user.split('\\').at(-1)}.test:`)
    t.same(served().filter(([user = '', , , uri = '']) => !isOf(uri, user)).slice(0, 5), [])
    t.equal(new Set(served().map(([user]) => user)).size, 2)
    for (const user of ['alice', 'bob']) t.ok(tap.sent.some(text => text.includes(`${user}.test:`)), user)
    t.equal(tap.sent.filter(text => text.includes('alice.test:') && text.includes('bob.test:')).length, 0, 'of connections that have served both')
  })
}

t.test('tinyproxy and a wrong password: its 401 goes on as one of the target, and no tunnel opens', { skip: tinyproxy.skip }, async t => {
  const target = await origin(t)
  const port = await startTinyproxy(t, { username: 'gateway', password: 'gateway-secret' })
  const parents = [{ url: `http://gateway:wrong@127.0.0.1:${port}`, name: 'peer' }]
  const self = await gateway(t, { via: 'gw', forward: { special, parents } })
  const login = `Proxy-Authorization: ${ALICE}`
  for (const [head, status] of [[`GET ${target.url}/ HTTP/1.1\r\nHost: ${target.authority}\r\n${login}\r\n\r\n`, 401], [connectHead(target.authority, login), 502]] as const) {
    const client = await RawClient.to(t, self.port)
    const answer = await client.send(head).answer()
    t.equal(Number(answer.slice(9, 12)), status)
    t.notMatch(answer, /proxy-authenticate/i)
    client.socket.destroy()
  }
  t.equal(target.seen.length, 0)
})
