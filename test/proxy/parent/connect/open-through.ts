import t from 'tap'
import type { Socket } from 'node:net'
import type { Test } from 'tap'
import { ParentCredentialsFailed } from '../../../../lib/errors.js'
import type { Parent } from '../../../../lib/policy/parent/parent.js'
import type { Login } from '../../../../lib/proxy/parent/login/login.js'
import { detourBy, openThrough } from '../../../../lib/proxy/parent/connect/open-through.js'
import type { ThroughOptions } from '../../../../lib/proxy/parent/connect/open-through.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { fakeParent, inTurn } from '../../../fixtures/fake-parent.js'
import { parentAt } from '../../../fixtures/parent.js'
import { noLogin, scriptedLogin } from '../../../fixtures/scripted-login.js'
import { socksServer } from '../../../fixtures/socks-server.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'

const OPTIONS = { connectTimeout: 60_000, headersTimeout: 60_000, maxResponseHead: 2000, own: () => [] }
const TO = { host: 'origin.test', port: 443, fields: [] }
const OK = 'HTTP/1.1 200 OK\r\n\r\n'
const REFUSAL = 'HTTP/1.1 407 x\r\nProxy-Authenticate: Scripted\r\nContent-Length: 0\r\n\r\n'

/** What is said of parents. */
function health () {
  const said: string[] = []
  return {
    said,
    praise: (parent: Parent) => { said.push(`${parent.name} works`) },
    blame: (parent: Parent, { code }: Error & { code?: string }, since: number) => { said.push(`${parent.name} ${code} ${since <= performance.now()}`) }
  }
}

function opened (t: Test, parent: Parent, { login = noLogin(), to = TO, told = health(), ...options }: Partial<ThroughOptions> & { login?: Login, to?: typeof TO, told?: ReturnType<typeof health> } = {}) {
  let giveUp!: () => void
  const socket = new Promise<Socket>((resolve, reject) => {
    giveUp = openThrough(parent, login, to, told, { ...OPTIONS, ...options }, (failure, socket) => {
      if (failure !== null) return reject(failure)
      t.teardown(() => { socket!.destroy() })
      resolve(socket!)
    })
  })
  return { socket, giveUp, said: told.said }
}

t.test('a parent for HTTP, and one for SOCKS: the connection is opened in its way, and the parent works', async t => {
  const http = await fakeParent(t, () => OK)
  const one = opened(t, parentAt(http.port))
  await one.socket
  t.strictSame(one.said, ['parent-1 works'])
  t.equal(http.heads.length, 1)
  const target = await tcpOrigin(t)
  const socks = await socksServer(t)
  const two = opened(t, parentAt(socks.port, { protocol: 'socks5' }), { to: { ...TO, port: target.port } })
  await two.socket
  t.strictSame(two.said, ['parent-1 works'])
  t.equal(socks.asked.length, 1)
})

t.test('a parent that fails before it has said a word: it is to blame', async t => {
  const silent = await fakeParent(t, () => undefined)
  const closing = await fakeParent(t, (_head, _place, socket) => { socket.end() })
  for (const [port, code, options] of [
    [await closedPort(), 'UNREACHABLE', {}], [closing.port, 'PROTOCOL', {}], [silent.port, 'TIMEOUT', { headersTimeout: 20 }]
  ] as const) {
    const { socket, said } = opened(t, parentAt(port), options)
    await t.rejects(socket, { code: `FST_PROXY_AUTH_PARENT_${code}` })
    t.strictSame(said, [`parent-1 FST_PROXY_AUTH_PARENT_${code} true`])
  }
  const own = opened(t, parentAt(1), { own: () => [{ address: '127.0.0.1', port: 1 }] })
  await t.rejects(own.socket, { code: 'FST_PROXY_AUTH_LOOP' })
  t.strictSame(own.said, ['parent-1 FST_PROXY_AUTH_LOOP true'])
})

t.test('a parent that has responded, whatever comes then: it works', async t => {
  const rows = [
    [inTurn('HTTP/1.1 503 x\r\n\r\n'), noLogin()], [inTurn(REFUSAL), noLogin()], [inTurn('HTTP/1.1 404 x\r\n\r\n'), noLogin()],
    [inTurn(REFUSAL, 'garbage'), scriptedLogin([null, 'one'])]
  ] as const
  for (const [respond, login] of rows) {
    const { port } = await fakeParent(t, respond)
    const { socket, said } = opened(t, parentAt(port), { login })
    await t.rejects(socket)
    t.strictSame([...new Set(said)], ['parent-1 works'])
  }
})

t.test('credentials that cannot be had, and a connection that is given up: no parent is to blame', async t => {
  const { port } = await fakeParent(t, () => undefined)
  const login = scriptedLogin([], { attempt: () => ({ ready: true, first () { throw new ParentCredentialsFailed() }, next: () => null, succeeded: () => {} }) })
  const failing = opened(t, parentAt(port), { login })
  await t.rejects(failing.socket, { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', parent: 'parent-1' })
  const { giveUp, said } = opened(t, parentAt(port))
  giveUp()
  await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame([...failing.said, ...said], [])
})

t.test('detours: two are one if parent, account, host and port are, unless the client has credentials of its own for the parent', async t => {
  const parent = parentAt(1)
  const login = noLogin()
  const key = (by = parent, as: Login = login, to = TO) => detourBy(by, as, to, health(), OPTIONS).key
  t.equal(key(), key())
  const others = [
    key(parentAt(1)), key(parent, scriptedLogin([], { account: 'account#2' })), key(parent, login, { ...TO, host: 'other.test' }), key(parent, login, { ...TO, port: 444 })
  ]
  t.equal(new Set([key(), ...others]).size, 5)
  const passing = parentAt(1, { passthrough: true })
  t.not(key(passing), key(passing))
})

t.test('a detour that is opened: it goes by the parent', async t => {
  const { port, heads } = await fakeParent(t, () => OK)
  const socket = await new Promise<Socket>((resolve, reject) => {
    detourBy(parentAt(port), noLogin(), TO, health(), OPTIONS).open((failure, opened) => failure === null ? resolve(opened!) : reject(failure))
  })
  socket.destroy()
  t.equal(heads.length, 1)
})
