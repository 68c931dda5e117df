import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import type { Parent } from '../../../../lib/policy/parent/parent.js'
import { connectBySocks, loadSocks } from '../../../../lib/proxy/parent/connect/by-socks.js'
import { undertake } from '../../../../lib/proxy/parent/connect/effort.js'
import type { Login } from '../../../../lib/proxy/parent/login/login.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { parentAt } from '../../../fixtures/parent.js'
import { noLogin, scriptedLogin } from '../../../fixtures/scripted-login.js'
import { socksServer } from '../../../fixtures/socks-server.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'
import { until } from '../../../fixtures/until.js'

const OPTIONS = { connectTimeout: 60_000, own: () => [] }
const TO = { host: 'origin.test', port: 443 }
const PROTOCOL = { code: 'FST_PROXY_AUTH_PARENT_PROTOCOL', statusCode: 502, parent: 'parent-1' }
const CREDENTIALS = { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', parent: 'parent-1' }

const socksAt = (port: number): Parent => parentAt(port, { protocol: 'socks5' })
const basic = (account: string): ReturnType<typeof scriptedLogin> => scriptedLogin([`Basic ${Buffer.from(account).toString('base64')}`])

function begin (t: Test, parent: Parent, login: Login = noLogin(), to = TO, connectTimeout = OPTIONS.connectTimeout) {
  const heard: string[] = []
  let giveUp!: () => void
  const socket = new Promise<Socket>((resolve, reject) => {
    giveUp = undertake(effort => connectBySocks(parent, login, to, effort, { ...OPTIONS, connectTimeout }, () => { heard.push('it') }), cause => cause as Error, (failure, opened) => {
      if (failure !== null) return reject(failure)
      t.teardown(() => { opened!.destroy() })
      resolve(opened!)
    })
  })
  return { socket, giveUp, heard }
}

t.test('a server that asks for nothing: names are left to it, addresses sent as such, and what follows is the target\'s', async t => {
  const target = await tcpOrigin(t)
  const server = await socksServer(t)
  for (const host of ['origin.test', '192.0.2.1', '2001:db8::1']) {
    const { socket, heard } = begin(t, socksAt(server.port), noLogin(), { host, port: target.port })
    const opened = await socket
    opened.setEncoding('utf8').write('ping')
    let text = ''
    opened.on('data', chunk => { text += chunk })
    await until(() => text === 'ping')
    t.strictSame(heard, ['it'])
  }
  t.strictSame(server.asked, [`origin.test:${target.port}`, `192.0.2.1:${target.port}`, `32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1:${target.port}`])
})

t.test('a server that asks for an account: it gets what a Basic login sends', async t => {
  const target = await tcpOrigin(t)
  const server = await socksServer(t, { accounts: ['gw:s:3crét', `${'u'.repeat(255)}:${'p'.repeat(255)}`] })
  const login = basic('gw:s:3crét')
  for (const each of [login, basic(`${'u'.repeat(255)}:${'p'.repeat(255)}`)]) await begin(t, socksAt(server.port), each, { ...TO, port: target.port }).socket
  t.strictSame(server.users, ['gw', 'u'.repeat(255)])
  t.strictSame(login.requests, [{ method: 'CONNECT', uri: `origin.test:${target.port}`, authority: `origin.test:${target.port}`, content: false }])
  t.strictSame(login.successes, [{ info: [], challenges: [] }])
})

t.test('an account that is refused, or asked for where there is none: the failure names the account, and has no password in it', async t => {
  const server = await socksServer(t, { accounts: ['gw:right'] })
  for (const login of [basic('gw:wr0ng-canary'), noLogin()]) {
    const { socket } = begin(t, socksAt(server.port), login)
    const failure = await socket.then(() => undefined, (error: Error) => error)
    t.match(failure, { code: 'FST_PROXY_AUTH_PARENT_REFUSED', parent: 'parent-1', account: 'account#1' })
    t.notMatch(inspect(failure, { depth: Infinity, showHidden: true }), /wr0ng-canary|d3IwbmctY2FuYXJ5/)
  }
  await until(() => server.open.size === 0)
})

t.test('credentials that SOCKS cannot carry: nothing is sent', async t => {
  const server = await socksServer(t)
  for (const login of [scriptedLogin(['Bearer x']), scriptedLogin(['Basic eA==']), basic(`${'u'.repeat(256)}:p`), basic(`u:${'p'.repeat(256)}`)]) {
    await t.rejects(begin(t, socksAt(server.port), login).socket, CREDENTIALS)
  }
  t.equal(server.open.size, 0)
})

t.test('a server that refuses the target: its reason has a status', async t => {
  const rows: Array<[number, number, string?]> = [
    [1, 502], [2, 403], [3, 502, 'UNROUTABLE'], [4, 502, 'UNROUTABLE'], [5, 502, 'CONNECTION_REFUSED'], [6, 504, 'UNROUTABLE'], [7, 502], [8, 502]
  ]
  for (const [code, status, cause] of rows) {
    const server = await socksServer(t, { answer: Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]) })
    const { socket, heard } = begin(t, socksAt(server.port), basic('gw:canary'))
    const failure = await socket.then(() => undefined, (error: Error) => error)
    t.match(failure, { code: 'FST_PROXY_AUTH_PARENT_DENIED', statusCode: status, parent: 'parent-1' })
    if (cause !== undefined) t.match(failure!.cause, { code: `FST_PROXY_AUTH_${cause}` })
    t.notMatch(inspect(failure, { depth: Infinity, showHidden: true }), /canary/)
    t.strictSame(heard, ['it'])
    await until(() => server.open.size === 0)
  }
})

t.test('what is no SOCKS5, ends within or is too much: it fails, and nothing stays open', async t => {
  const end = (socket: Socket): void => { socket.end() }
  const reset = (socket: Socket): void => { socket.resetAndDestroy() }
  for (const options of [
    { greeting: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') }, { greeting: Buffer.from([4, 0]) }, { greeting: Buffer.from([5, 9]) },
    { greeting: end }, { greeting: reset }, { answer: end }, { answer: reset }, { answer: Buffer.from([4, 0, 0, 1, 0]) }, { answer: Buffer.from([5, 99, 0, 1, 0]) },
    { answer: (socket: Socket) => { socket.end(Buffer.from([5, 0, 0, 3, 9, 0])) } }
  ]) {
    const server = await socksServer(t, options)
    await t.rejects(begin(t, socksAt(server.port)).socket, PROTOCOL)
    await until(() => server.open.size === 0)
  }
  const { port } = await socksServer(t, { greeting: Buffer.from('HTTP') })
  const { socket, heard } = begin(t, socksAt(port))
  await t.rejects(socket, PROTOCOL)
  t.strictSame(heard, [])
})

t.test('a password that is no text: it is no fault of ours', async t => {
  const server = await socksServer(t, { accounts: ['x'] })
  const octets = Buffer.concat([Buffer.from('u:'), Buffer.alloc(255, 0xff)])
  await t.rejects(begin(t, socksAt(server.port), scriptedLogin([`Basic ${octets.toString('base64')}`])).socket, PROTOCOL)
  await until(() => server.open.size === 0)
})

t.test('octets of the target right behind the reply, with its end: all arrive, in their order', async t => {
  const big = Buffer.alloc(200_000, 'x')
  for (const [address, ends] of [[[1, 0, 0, 0, 0], true], [[3, 2, 65, 66], false], [[4, ...Array<number>(16).fill(0)], true]] as const) {
    const server = await socksServer(t, {
      answer: (socket) => {
        socket.write(Buffer.concat([Buffer.from([5, 0, 0, ...address, 0, 0]), Buffer.from('first'), big]))
        if (ends) socket.end()
        else setImmediate(() => socket.end())
      }
    })
    const chunks: Buffer[] = []
    for await (const chunk of await begin(t, socksAt(server.port)).socket) chunks.push(chunk as Buffer)
    t.equal(Buffer.concat(chunks).equals(Buffer.concat([Buffer.from('first'), big])), true)
  }
})

t.test('a server that is silent or cannot be reached: one time limit holds for all, and the failure says which', async t => {
  const late = { code: 'FST_PROXY_AUTH_PARENT_TIMEOUT', statusCode: 504, parent: 'parent-1' }
  const servers = [await socksServer(t, { greeting: () => {} }), await socksServer(t, { answer: () => {} })]
  for (const { port } of servers) await t.rejects(begin(t, socksAt(port), noLogin(), TO, 30).socket, late)
  await t.rejects(begin(t, socksAt(await closedPort())).socket, { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', parent: 'parent-1' })
  await until(() => servers.every(({ open }) => open.size === 0))
})

t.test('a connection that is given up, in each phase: nothing stays open, and nothing comes of it', async t => {
  const greeting = await socksServer(t, { greeting: () => {} })
  const asking = await socksServer(t, { answer: () => {} })
  const give = async (port: number, when: () => boolean): Promise<void> => {
    const { socket, giveUp } = begin(t, socksAt(port))
    socket.then(() => t.fail('it was given up'), () => t.fail('it was given up'))
    await until(when)
    giveUp()
  }
  await give(greeting.port, () => true)
  await give(greeting.port, () => greeting.open.size === 1)
  await give(asking.port, () => asking.asked.length === 1)
  await until(() => greeting.open.size === 0 && asking.open.size === 0)
})

t.test('a package that is not there: the failure names it', async t => {
  await t.rejects(loadSocks('no-such-package'), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /no-such-package/ })
})
