import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { ConnectionIdentities } from '../../lib/passport/connection-identity.js'
import type { RawRequest } from '../../lib/passport/request-view.js'
import type { HandshakeState } from '../../lib/strategies/handshake.js'
import type { ProxyIdentity } from '../../lib/types.js'

class Wire extends EventEmitter {
  destroyed = false
  destroy (): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

const connections = (limits = {}) => new ConnectionIdentities({ handshakeTimeout: 10_000, maxHandshakes: 2, maxPerAddress: 2, ...limits })
const on = (wire: Wire, headers = {}, httpVersion = '1.1') => ({ headers, httpVersion, socket: wire as unknown as Socket }) as RawRequest
const called = (name: string) => ({ user: {}, name, info: {}, scheme: 'NTLM', realm: 'gw' }) as ProxyIdentity
const LEG = 'NTLM TlRM'
const owner = {}

class State implements HandshakeState {
  ended = 0
  end (): void { this.ended += 1 }
}

/** Goes through a handshake of one leg. */
function authenticate (all: ConnectionIdentities, wire: Wire, name: string): void {
  const leg = all.begin(on(wire), LEG)!
  leg.authenticate(called(name))
  leg.close(false)
}

t.test('no credentials for a handshake, another proxy in between, or HTTP/2: the connection is left alone', async t => {
  const all = connections()
  const wire = new Wire()
  for (const credentials of [undefined, 'Basic dTpw', '=', '']) t.equal(all.begin(on(wire), credentials), undefined)
  t.equal(all.begin(on(wire, { via: '1.1 x' }), LEG), undefined)
  t.equal(all.begin(on(wire, {}, '2.0'), LEG), undefined)
  t.equal(all.identityOf(on(wire)), undefined)
  t.notOk(all.carriesIdentity(wire as unknown as Socket))
  t.strictSame([Object.getOwnPropertySymbols(wire).filter(symbol => String(symbol).includes('proxy-auth')), wire.eventNames()], [[], []])
})

t.test('other credentials, also by way of another proxy: the connection no longer says who it is', async t => {
  for (const headers of [{}, { via: '1.1 x' }]) {
    const all = connections()
    const wire = new Wire()
    authenticate(all, wire, 'alice')
    t.equal(all.identityOf(on(wire))?.name, 'alice')
    t.equal(all.begin(on(wire, headers), 'Basic dTpw'), undefined)
    t.equal(all.identityOf(on(wire)), undefined, JSON.stringify(headers))
  }
})

t.test('a state that a leg keeps: the next leg has it, once, and only for its owner (R-NEG-7)', async t => {
  const all = connections()
  const wire = new Wire()
  const state = new State()
  const first = all.begin(on(wire), LEG)!
  t.equal(first.for(owner).kept, undefined)
  t.notOk(first.continues)
  first.for(owner).keep(state)
  t.ok(first.continues)
  first.close(true)
  t.equal(all.handshaking, 1)
  const second = all.begin(on(wire), 'negotiate TlRM')!
  t.equal(second.for({}).kept, undefined, 'of another strategy')
  t.equal(second.for(owner).kept, state)
  second.close(false)
  t.equal(state.ended, 1)
  t.equal(all.begin(on(wire), LEG)!.for(owner).kept, undefined)
  t.equal(all.handshaking, 0)
})

t.test('a handshake that ends in any way: its state ends once', async t => {
  const rows: Record<string, (all: ConnectionIdentities, wire: Wire, state: State) => void> = {
    'the connection closes': (_all, wire) => wire.destroy(),
    'a request without credentials': (all, wire) => { all.begin(on(wire), undefined) },
    'credentials of another scheme': (all, wire) => { all.begin(on(wire), 'Basic dTpw') },
    'the next leg leaves it': (all, wire) => all.begin(on(wire), LEG)!.close(false),
    'the next leg keeps another': (all, wire) => {
      const leg = all.begin(on(wire), LEG)!
      leg.for(owner).keep({})
      leg.close(true)
    },
    'the next leg keeps it and is refused': (all, wire, state) => {
      const leg = all.begin(on(wire), LEG)!
      leg.for(owner).keep(state)
      leg.close(false)
    },
    'the client leaves during the next leg, which keeps it': (all, wire, state) => {
      const leg = all.begin(on(wire), LEG)!
      leg.for(owner).keep(state)
      wire.destroy()
      leg.close(true)
    }
  }
  for (const [name, end] of Object.entries(rows)) {
    const all = connections()
    const wire = new Wire()
    const state = new State()
    const leg = all.begin(on(wire), LEG)!
    leg.for(owner).keep(state)
    leg.close(true)
    t.equal(state.ended, 0)
    end(all, wire, state)
    t.equal(state.ended, 1, name)
    wire.destroy()
    t.equal(state.ended, 1)
    t.equal(all.handshaking, 0)
  }
})

t.test('a state that is kept again, replaced within a leg, or kept too late: it goes on, ends, or ends at once', async t => {
  const all = connections()
  const wire = new Wire()
  const [state, replaced, late] = [new State(), new State(), new State()]
  const handshake = (continues: boolean, ...states: State[]) => {
    const leg = all.begin(on(wire), LEG)!
    const seen = leg.for(owner)
    for (const each of states) seen.keep(each)
    leg.close(continues)
    return seen
  }
  handshake(true, replaced, state)
  handshake(true, state, state)
  t.strictSame([state.ended, replaced.ended], [0, 1])
  handshake(false).keep(late)
  t.strictSame([state.ended, late.ended], [1, 1])
  handshake(false).keep({})
  t.equal(all.handshaking, 0)
  wire.destroy()
})

t.test('a handshake that takes too long: it ends, and its connection with it (R-NEG-7)', async t => {
  const all = connections({ handshakeTimeout: 5 })
  const wire = new Wire()
  const state = new State()
  const leg = all.begin(on(wire), LEG)!
  leg.for(owner).keep(state)
  leg.close(true)
  await new Promise(resolve => wire.once('close', resolve))
  t.equal(state.ended, 1)
  t.equal(all.handshaking, 0)
})

t.test('as many handshakes as allowed: a further one gets 503, those under way go on', async t => {
  const all = connections()
  const wires = [new Wire(), new Wire()]
  for (const wire of wires) {
    const leg = all.begin(on(wire), LEG)!
    leg.for(owner).keep({})
    leg.close(true)
  }
  const one = new Wire()
  const leg = all.begin(on(one), LEG)!
  t.throws(() => leg.for(owner).keep({}), { code: 'FST_PROXY_AUTH_TOO_MANY_HANDSHAKES', statusCode: 503, headers: { 'retry-after': '5' } })
  leg.close(false)
  const next = all.begin(on(wires[0]!), LEG)!
  next.for(owner).keep({})
  next.close(true)
  t.equal(all.handshaking, 2, 'those under way go on')
  for (const wire of [one, ...wires]) wire.destroy()
  t.equal(all.handshaking, 0)
})

t.test('another request during the verdict on a leg: it is a bad request, and the connection gets no identity (R-NEG-7)', async t => {
  const all = connections()
  for (const credentials of [undefined, 'Basic dTpw', LEG]) {
    const wire = new Wire()
    const leg = all.begin(on(wire), LEG)!
    t.throws(() => all.begin(on(wire), credentials), { code: 'FST_PROXY_AUTH_BAD_REQUEST' })
    leg.authenticate(called('alice'))
    leg.close(false)
    t.throws(() => all.begin(on(wire), undefined), { code: 'FST_PROXY_AUTH_BAD_REQUEST' }, 'nor is anything believed later')
    t.notOk(all.carriesIdentity(wire as unknown as Socket))
  }
})

t.test('an identity of a connection: it holds for requests of one user without credentials, and ends with any (R-NEG-8, R-NEG-9, R-NEG-10)', async t => {
  const all = connections()
  const wire = new Wire()
  authenticate(all, wire, 'alice')
  t.equal(all.identityOf(on(wire))?.name, 'alice')
  t.ok(all.carriesIdentity(wire as unknown as Socket))
  for (const header of ['via', 'forwarded', 'x-forwarded-for']) t.equal(all.identityOf(on(wire, { [header]: 'x' })), undefined)
  t.equal(all.identityOf(on(wire, {}, '1.0')), undefined)
  t.equal(all.identityOf(on(new Wire())), undefined)
  t.equal(connections().identityOf(on(wire)), undefined, 'nor at another gate')
  all.begin(on(wire), 'Basic dTpw')
  t.equal(all.identityOf(on(wire)), undefined)
})

t.test('a connection that closed during its handshake: it stands for no user', async t => {
  const all = connections()
  const wire = new Wire()
  const leg = all.begin(on(wire), LEG)!
  wire.destroy()
  leg.authenticate(called('alice'))
  leg.close(false)
  t.equal(all.end('alice'), 0)
})

t.test('connections that are ended by the name of their user: no others end, and the user may come back', async t => {
  const all = connections()
  const wires = [new Wire(), new Wire(), new Wire(), new Wire()]
  for (const [i, wire] of wires.entries()) authenticate(all, wire, i === 3 ? 'bob' : 'alice')
  wires[2]!.destroy()
  t.equal(all.end('alice'), 2)
  t.strictSame(wires.map(wire => all.identityOf(on(wire))?.name), [undefined, undefined, undefined, 'bob'])
  t.equal(all.end('alice'), 0)
  authenticate(all, wires[0]!, 'alice')
  t.equal(all.end('alice'), 1, 'he may come back')
})

t.test('handshakes from several addresses: each address has a share of them (F-28)', t => {
  const all = connections({ maxHandshakes: 4, maxPerAddress: 2 })
  const start = (wire: Wire, from?: string): void => {
    const leg = all.begin(on(wire), LEG, from === undefined ? {} : { from })!
    try {
      leg.for(owner).keep(new State())
    } finally {
      leg.close(true)
    }
  }
  const TOO_MANY = { code: 'FST_PROXY_AUTH_TOO_MANY_HANDSHAKES' }
  const [first, second] = [new Wire(), new Wire()]
  start(first, 'one')
  start(second, 'one')
  t.throws(() => start(new Wire(), 'one'), TOO_MANY)
  start(second, 'one') // goes on with its own
  start(new Wire(), 'two')
  second.destroy()
  start(new Wire(), 'one')
  start(new Wire(), 'three')
  t.throws(() => start(new Wire(), 'four'), TOO_MANY, 'four in all')
  first.destroy()
  start(new Wire())
  t.equal(all.handshaking, 4)
  const unknown = connections({ maxHandshakes: 4, maxPerAddress: 1 })
  for (let i = 0; i < 3; i++) unknown.begin(on(new Wire()), LEG)!.for(owner).keep(new State())
  t.equal(unknown.handshaking, 3, 'what comes from no address has no share')
  t.end()
})
