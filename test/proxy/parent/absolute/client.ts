import { EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { Dispatcher } from 'undici'
import { ClientLeft } from '../../../../lib/errors.js'
import { AbsoluteClient } from '../../../../lib/proxy/parent/absolute/client.js'
import type { ParentAccount } from '../../../../lib/proxy/parent/absolute/client.js'
import { ANONYMOUS } from '../../../../lib/proxy/parent/login/anonymous.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { madeUpLogin } from '../../../fixtures/logins.js'
import { parentAt } from '../../../fixtures/parent.js'
import { parentProxy } from '../../../fixtures/parent-proxy.js'
import { until } from '../../../fixtures/until.js'

function lab (t: Test): AbsoluteClient {
  const client = new AbsoluteClient({
    connect: async ({ port }) => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    },
    headersTimeout: 5000,
    bodyTimeout: 5000,
    maxResponseHead: 65_536
  })
  t.teardown(() => client.close())
  return client
}

const OPTIONS = { path: 'http://target.test/', method: 'GET', headers: ['Host', 'target.test'], body: null } as const

type How = (client: AbsoluteClient, account: ParentAccount, handler: Dispatcher.DispatchHandler) => void
const shared: How = (client, account, handler) => client.send(account, { ...OPTIONS, headers: [...OPTIONS.headers] }, handler)

async function send (client: AbsoluteClient, account: ParentAccount, how: How = shared, more: Partial<Dispatcher.DispatchHandler> = {}): Promise<string> {
  try {
    return await new Promise((resolve, reject) => {
      let status = 0
      how(client, account, {
        onRequestStart () {},
        onResponseStart (_controller, its) { status = its },
        onResponseEnd () { resolve(String(status)) },
        onResponseError (_controller, error) { reject(error) },
        ...more
      })
    })
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    client.ended(account)
  }
}

const turn = async () => { for (let i = 0; i < 5; i++) await new Promise(resolve => { setImmediate(resolve) }) } // undici looks whether it is kept

t.test('requests of one account at one parent: they share connections, and no others do', async t => {
  const parent = await parentProxy(t)
  const client = lab(t)
  const [one, two] = [madeUpLogin(() => ({})), madeUpLogin(() => ({}))]
  const [a, b] = [parentAt(parent.port), parentAt(parent.port)]
  for (const [at, login] of [[a, one], [a, one], [a, two], [b, one], [a, one]] as const) {
    t.equal(await send(client, client.account(at, login)), '200')
    await turn()
  }
  t.strictSame(parent.seen.map(({ connection }) => connection), [1, 1, 2, 3, 1])
})

t.test('requests at one time: there are as many connections as requests, and none is left when they are idle or the client closes', async t => {
  const parent = await parentProxy(t)
  const client = lab(t)
  const account = client.account(parentAt(parent.port), madeUpLogin(() => ({})))
  t.strictSame(await Promise.all([send(client, account), send(client, account), send(client, account)]), ['200', '200', '200'])
  t.equal(parent.open.size, 3)
  const lane = await client.open(account.parent)
  t.equal(lane.isOpen, true)
  await client.close()
  await until(() => parent.open.size === 0)
})

t.test('a request that is sent once more: it has a connection that serves nothing else', async t => {
  const parent = await parentProxy(t)
  const client = lab(t)
  const account = client.account(parentAt(parent.port), madeUpLogin(() => ({})))
  const again: How = (client, account, handler) => {
    shared(client, account, { onRequestStart: controller => controller.abort(new ClientLeft('response')), onResponseStart () {}, onResponseError () {} })
    client.again(account, { ...OPTIONS, headers: [...OPTIONS.headers] }, handler)
  }
  t.equal(await send(client, account, again), '200')
  t.equal(parent.seen.at(-1)!.fields.connection, 'close')
})

t.test('a request that was aborted: no other connection is opened for it', async t => {
  const parent = await parentProxy(t, () => {})
  const client = lab(t)
  const account = client.account(parentAt(parent.port), madeUpLogin(() => ({})))
  const abort = { onRequestStart: (controller: Dispatcher.DispatchController) => { controller.abort(new ClientLeft('response')) } }
  t.equal(await send(client, account, shared, abort), 'FST_PROXY_AUTH_CLIENT_LEFT')
  await turn()
  t.equal(parent.seen.length, 0)
  t.ok(parent.open.size <= 1)
})

t.test('a request that is over before its connection is to be opened: none is', async t => {
  const parent = await parentProxy(t)
  const client = lab(t)
  const account = client.account(parentAt(parent.port), madeUpLogin(() => ({})))
  async function * content () {}
  const failed = new Promise(resolve => {
    client.send(account, { ...OPTIONS, method: 'POST', headers: [...OPTIONS.headers], body: content() as never }, { onRequestStart () {}, onResponseStart () {}, onResponseError (_controller, error) { resolve(error) } })
  })
  client.ended(account)
  t.match(await failed, { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.equal(parent.open.size, 0)
})

t.test('a parent that cannot be reached: the failure is one of the parent', async t => {
  const client = lab(t)
  const account = client.account(parentAt(await closedPort()), madeUpLogin(() => ({})))
  t.equal(await send(client, account), 'FST_PROXY_AUTH_PARENT_UNREACHABLE')
})

t.test('the account by which nothing is sent: it is one for each parent', async t => {
  const client = lab(t)
  const [one, two] = [parentAt(1), parentAt(1)]
  t.strictSame(client.noAccount(one), client.account(one, ANONYMOUS))
  t.not(client.noAccount(one).key, client.noAccount(two).key)
})

t.test('a parent that has not known a connection: that is remembered of the account, and of no other', async t => {
  const client = lab(t)
  const [one, two] = [client.account(parentAt(1), madeUpLogin(() => ({}))), client.account(parentAt(1), madeUpLogin(() => ({})))]
  client.forget(one)
  t.strictSame([client.isForgotten(one), client.isForgotten(two)], [true, false])
})

const requester = (headers = {}, socket = new EventEmitter()) => ({ raw: { httpVersion: '1.1', headers, socket } as unknown as IncomingMessage, name: 'alice' })
const NTLM = ['Authorization', 'NTLM TlRM']

t.test('the owner of a connection: the account, the client connection, or the request alone', async t => {
  const client = lab(t)
  const parent = parentAt(1)
  const [free, bound, passed] = [{}, { bindsConnection: true }, { bindsConnection: true, scheme: null }].map(more => client.account(parent, madeUpLogin(() => ({}), more)))
  t.equal(client.ownerFor(free!, requester(), 'target.test', []), undefined)
  t.match(client.ownerFor(bound!, requester(), 'target.test', []), { key: bound!.key, most: 8 })
  t.match(client.ownerFor(passed!, requester(), 'target.test', []), { key: passed!.key, most: 0 }, 'no other request has it')
  for (const account of [free!, bound!]) {
    const own = requester()
    const pin = client.ownerFor(account, own, 'target.test', NTLM)!
    t.equal(pin.most, 1)
    t.equal(client.ownerFor(account, own, 'target.test', []), pin)
    t.not(client.ownerFor(account, own, 'other.test', NTLM)!.key, pin.key)
    t.not(client.ownerFor(account, requester(), 'target.test', NTLM)!.key, pin.key)
    t.match(client.ownerFor(account, requester({ via: '1.1 x' }), 'target.test', NTLM), { most: 0 })
  }
})

t.test('a client connection that has more of its own than it may have: the one used longest ago is closed', async t => {
  const parent = await parentProxy(t)
  const client = lab(t)
  const account = client.account(parentAt(parent.port), madeUpLogin(() => ({})))
  const own = requester()
  const first = client.ownerFor(account, own, '0.test', NTLM)!
  const lane = await client.open(account.parent)
  client.give(lane, first)
  for (let i = 1; i < 9; i++) client.ownerFor(account, own, `${i}.test`, NTLM)
  await until(() => !lane.isOpen)
  t.equal(client.take(first), undefined)
})
