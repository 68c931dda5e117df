// An origin's own NTLM or Negotiate through us: its connection is the client connection's, and nobody else's.
import { createServer } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { fakeParent, tunnelling } from '../fixtures/fake-parent.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'
import { wireTap } from '../fixtures/wire-tap.js'

interface Wire { user?: string, asked?: string }

/** An origin that authenticates connections in three legs, and tells on each answer who its connection belongs to. */
async function ntlmOrigin (t: Test) {
  const wires = new Map<object, Wire>()
  let number = 0
  const server = createServer((request, response) => {
    const wire = wires.get(request.socket)!
    const [, type, name] = /^NTLM (\d) ?(.*)$/.exec(request.headers.authorization ?? '') ?? []
    if (type === '1') wire.asked = String(++number)
    if (type === '3' && name === `${wire.asked} ${name?.split(' ')[1]}`) wire.user = name.split(' ')[1]!
    const challenge = type === '1' ? `NTLM 2${wire.asked}` : 'NTLM'
    request.resume().on('end', () => {
      const denied = wire.user === undefined || type === '1'
      const text = String((denied ? wire.asked : wire.user) ?? '')
      response.writeHead(denied ? 401 : 200, { 'Content-Length': text.length, ...(denied && { 'WWW-Authenticate': [challenge, 'Basic realm="x"'] }) })
      response.end(text)
    })
  })
  server.on('connection', socket => {
    wires.set(socket, {})
    socket.on('close', () => wires.delete(socket))
  })
  const port = await listen(t, server)
  return { wires, port, url: `http://127.0.0.1:${port}`, authority: `127.0.0.1:${port}` }
}

async function through (t: Test, options: GatewayOptions = {}) {
  const target = await ntlmOrigin(t)
  const up = await gateway(t, { reverse: [{ prefix: '/api', upstream: target.url }], ...options })
  const forms = { 'absolute-form': `GET ${target.url}/ HTTP/1.1\r\nHost: ${target.authority}\r\n`, reverse: 'GET /api/ HTTP/1.1\r\nHost: gw.test\r\n' }
  return { ...up, target, forms, client: () => RawClient.to(t, up.port) }
}

/** The same by parents that connect each of their connections with one of the target's: for each form, in its way. */
async function throughParents (t: Test) {
  const target = await ntlmOrigin(t)
  const parents = { 'absolute-form': await wireTap(t, target.port), reverse: await fakeParent(t, tunnelling()) }
  const by = ({ port }: { port: number }) => [{ url: `http://127.0.0.1:${port}` }]
  const up = await gateway(t, {
    forward: { special: ['127.0.0.1:*'], parents: by(parents['absolute-form']) },
    reverse: [{ prefix: '/api', upstream: target.url, parents: by(parents.reverse) }]
  })
  const forms = { 'absolute-form': `GET ${target.url}/ HTTP/1.1\r\nHost: ${target.authority}\r\n`, reverse: 'GET /api/ HTTP/1.1\r\nHost: gw.test\r\n' }
  return { target, forms, client: () => RawClient.to(t, up.port) }
}

const as = (authorization: string) => authorization === '' ? '' : `Authorization: ${authorization}\r\n`
const bodyOf = (answer: string) => answer.split('\r\n\r\n')[1]!

async function login (client: RawClient, head: string, user: string): Promise<string> {
  const asked = bodyOf(await client.send(`${head}${as('NTLM 1')}\r\n`).answer())
  return await client.send(`${head}${as(`NTLM 3 ${asked} ${user}`)}\r\n`).answer()
}

for (const form of ['absolute-form', 'reverse'] as const) {
  t.test(`${form}: three legs get through, and the connection is the user's (R-PSUP-1)`, async t => {
    const { client, forms, target } = await through(t)
    const one = await client()
    const head = `${forms[form]}Proxy-Authorization: ${ALICE}\r\n`
    t.match(await login(one, head, 'alice'), /^HTTP\/1\.1 200 [^]*\r\n\r\nalice$/)
    t.match(await one.send(`${head}\r\n`).answer(), /\r\n\r\nalice$/)
    const other = await client()
    t.match(await other.send(`${head}\r\n`).answer(), /^HTTP\/1\.1 401 /, 'and no other connection\'s')
    t.match(await one.send(`${forms[form]}Proxy-Authorization: ${BOB}\r\n\r\n`).answer(), /^HTTP\/1\.1 401 /, 'nor another user\'s of ours on the same')
    one.socket.destroy()
    await until(() => ![...target.wires.values()].some(({ user }) => user !== undefined))
  })

  t.test(`${form}: two users at random over 200 requests (R-PSUP-1, R-PSUP-3)`, async t => {
    const { client, forms, target } = await through(t)
    const head = `${forms[form]}Proxy-Authorization: ${ALICE}\r\n` // the same for us, so that only the connection parts them
    const users: Array<[string, RawClient]> = [['alice', await client()], ['bob', await client()], ['', await client()]]
    for (const [user, each] of users) if (user !== '') await login(each, head, user)
    let seed = 7
    for (let i = 0; i < 200; i++) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      const [user, each] = users[(seed >> 8) % 3]!
      const answer = await each.send(`${head}\r\n`).answer()
      if (user === '' ? !/^HTTP\/1\.1 401 /.test(answer) : bodyOf(answer) !== user) t.fail(`request ${i}: ${user}`)
    }
    t.equal(target.wires.size, 3, 'two of their own, and one that is shared')
  })

  t.test(`${form}, by a parent: its connection for a user is the client connection's, over 200 requests at random (R-CHAIN-9, R-PSUP-1, S19)`, async t => {
    const { client, forms, target } = await throughParents(t)
    const head = `${forms[form]}Proxy-Authorization: ${ALICE}\r\n` // the same for us, so that only the connection parts them
    const users: Array<[string, RawClient]> = [['alice', await client()], ['bob', await client()], ['', await client()]]
    for (const [user, each] of users) if (user !== '') t.match(await login(each, head, user), new RegExp(`^HTTP/1\\.1 200 [^]*\r\n\r\n${user}$`))
    let seed = 7
    for (let i = 0; i < 200; i++) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31
      const [user, each] = users[(seed >> 8) % 3]!
      const answer = await each.send(`${head}\r\n`).answer()
      if (user === '' ? !/^HTTP\/1\.1 401 /.test(answer) : bodyOf(answer) !== user) t.fail(`request ${i}: ${user}`)
    }
    users[0]![1].socket.destroy()
    await until(() => [...target.wires.values()].filter(({ user }) => user !== undefined).length === 1)
  })

  t.test(`${form}: all at once`, async t => {
    const { client, forms } = await through(t)
    const head = `${forms[form]}Proxy-Authorization: ${ALICE}\r\n`
    const names = Array.from({ length: 12 }, (_, i) => `user${i}`)
    const seen = await Promise.all(names.map(async name => {
      const one = await client()
      await login(one, head, name)
      const bodies: string[] = []
      for (let i = 0; i < 5; i++) bodies.push(bodyOf(await one.send(`${head}\r\n`).answer()))
      return bodies
    }))
    t.strictSame(seen, names.map(name => Array.from({ length: 5 }, () => name)))
  })

  t.test(`${form}: where another proxy is in front, each such request has a connection for itself (R-PSUP-3)`, async t => {
    const { client, forms } = await through(t)
    const one = await client()
    const head = `${forms[form]}X-Forwarded-For: 192.0.2.1\r\nProxy-Authorization: ${ALICE}\r\n`
    t.match(await login(one, head, 'alice'), /^HTTP\/1\.1 401 /)
    t.match(await one.send(`${head}\r\n`).answer(), /^HTTP\/1\.1 401 /)
  })
}

t.test('an NTLM challenge of the origin: Proxy-Support says that it gets through (R-PSUP-2)', async t => {
  const { client, forms } = await through(t)
  const one = await client()
  const answer = await one.send(`${forms['absolute-form']}Proxy-Authorization: ${ALICE}\r\n\r\n`).answer()
  t.match(answer, /\r\nProxy-Support: Session-Based-Authentication\r\n/)
  t.match(answer, /\r\nConnection: Proxy-Support\r\n/)
  t.notMatch(await (await client()).send(`${forms['absolute-form']}Via: 1.1 x\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).answer(), /Proxy-Support/)
  t.notMatch(await one.send(`${forms.reverse}Proxy-Authorization: ${ALICE}\r\n\r\n`).answer(), /Proxy-Support/, 'where we look like the origin there is nothing to say')
})

t.test('connections that an origin has authenticated, when the server stops: they are closed', async t => {
  const { app, client, forms, target } = await through(t)
  for (const form of ['absolute-form', 'reverse'] as const) await login(await client(), `${forms[form]}Proxy-Authorization: ${ALICE}\r\n`, 'alice')
  t.equal(target.wires.size, 2)
  await app.close()
  await until(() => target.wires.size === 0)
})
