import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { PinnedConnections, authenticatesConnection } from '../../../lib/proxy/upstream/pinned-connections.js'
import type { Requester } from '../../../lib/proxy/upstream/pinned-connections.js'

class Client {
  state = 'open'
  dispatch = () => true
  close = async () => { this.state = 'closed' }
  destroy = async () => { this.state = 'destroyed' }
}

const requester = (socket = new EventEmitter(), name = 'alice', headers = {}, httpVersion = '1.1') =>
  ({ raw: { socket, headers, httpVersion } as unknown as IncomingMessage, name }) satisfies Requester
const open = () => new Client() as never
const never = () => { throw new Error('opened') }

t.test('a request that authenticates nothing and follows none that does: it shares connections (R-PSUP-1)', async t => {
  const pins = new PinnedConnections()
  const socket = new EventEmitter()
  t.equal(pins.find(requester(socket), 'a.test', false, never), undefined)
  t.strictSame([Object.getOwnPropertySymbols(socket).filter(symbol => String(symbol).includes('pins')), socket.listenerCount('close')], [[], 0])
})

t.test('a request that authenticates: it gets a connection of its own, which all that follows it there uses too (R-PSUP-1)', async t => {
  const pins = new PinnedConnections()
  const of = requester()
  const own = pins.find(of, 'a.test', true, open)
  t.ok(own)
  t.equal(pins.find(of, 'a.test', false, never), own)
  t.equal(pins.find(of, 'a.test', true, never), own)
  t.equal(pins.find(of, 'b.test', false, never), undefined, 'other upstreams are shared still')
  t.equal(pins.find(requester(), 'a.test', false, never), undefined, 'another client connection')
  t.equal(pins.find({ ...of, name: 'bob' }, 'a.test', false, never), undefined, 'another user on the same')
  t.equal(new PinnedConnections().find(of, 'a.test', false, never), undefined)
  t.equal(pins.size, 1)
})

t.test('a request that authenticates nothing, where no connection is pinned: it is not looked at', async t => {
  const pins = new PinnedConnections()
  const raw = new Proxy({} as IncomingMessage, { get: never })
  t.equal(pins.find({ raw, name: 'alice' }, 'a.test', false, never), undefined)
  pins.find(requester(), 'a.test', true, open)
  t.throws(() => pins.find({ raw, name: 'alice' }, 'a.test', false, never), 'once there is one it is')
})

t.test('a client connection that several users may share: no user gets a connection of their own (R-PSUP-3)', async t => {
  const pins = new PinnedConnections()
  const socket = new EventEmitter()
  pins.find(requester(socket), 'a.test', true, open)
  for (const [headers, version] of [[{ via: '1.1 x' }, '1.1'], [{ 'x-forwarded-for': '192.0.2.1' }, '1.1'], [{}, '2.0'], [{}, '1.0']] as const) {
    t.equal(pins.find(requester(socket, 'alice', headers, version), 'a.test', true, never), null)
    t.equal(pins.find(requester(socket, 'alice', headers, version), 'a.test', false, never), undefined)
  }
})

t.test('a client connection closes, or all are closed: the connections pinned to it close too', async t => {
  const pins = new PinnedConnections()
  const [socket, other] = [new EventEmitter(), new EventEmitter()]
  const clients = [socket, socket, other].map((each, i) => pins.find(requester(each), `${i}.test`, true, open) as unknown as Client)
  socket.emit('close')
  t.strictSame(clients.map(({ state }) => state), ['destroyed', 'destroyed', 'open'])
  t.equal(pins.size, 1)
  await pins.close()
  t.equal(clients[2]!.state, 'destroyed')
  t.equal(pins.size, 0)
})

t.test('a ninth connection for one client connection: the one used longest ago is closed', async t => {
  const pins = new PinnedConnections()
  const of = requester()
  const clients = Array.from({ length: 8 }, (_, i) => pins.find(of, `${i}.test`, true, open) as unknown as Client)
  pins.find(of, '0.test', false, never)
  pins.find(of, '8.test', true, open)
  t.strictSame(clients.map(({ state }) => state), ['open', 'closed', ...Array.from({ length: 6 }, () => 'open')])
  t.equal(pins.find(of, '1.test', false, never), undefined)
  t.equal(pins.size, 8)
})

t.test('Authorization by NTLM or Negotiate: it authenticates the connection, and nothing else does (R-PSUP-3)', async t => {
  for (const scheme of ['NTLM TlRM', 'ntlm TlRM', 'Negotiate YII=']) {
    t.ok(authenticatesConnection(['Host', 'a.test', 'AUTHORIZATION', scheme]), scheme)
  }
  for (const value of ['Basic dTpw', 'Bearer NTLM', 'NTLMx y']) t.notOk(authenticatesConnection(['Authorization', value]), value)
  t.notOk(authenticatesConnection(['X-Authorizatio', 'NTLM TlRM', 'Proxy-Whatever', 'NTLM']))
  t.notOk(authenticatesConnection([]))
})
