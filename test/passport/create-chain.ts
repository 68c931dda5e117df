import { Socket } from 'node:net'
import t from 'tap'
import { byConnection, createChain } from '../../lib/passport/create-chain.js'
import { readDeclaration } from '../../lib/passport/declaration.js'
import { ConnectionIdentities } from '../../lib/passport/connection-identity.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { LegsStrategy, leg } from '../fixtures/legs.js'
import type { AttemptRequest } from '../../lib/strategies/strategy.js'
import type { AttemptInput } from '../../lib/passport/attempt-input.js'
import type { Refused } from '../../lib/passport/outcome.js'

const strategy = { name: 'legs', authenticate (this: { success (user: object): void }) { this.success({ username: 'alice' }) } }
const declared = (scheme: string) => readDeclaration({ strategy, scheme }, { realm: 'gw' }).resolve()
const chain = createChain([declared('Negotiate'), declared('Basic'), declared('NTLM')], { timeout: 1000 })
const input = (httpVersion: string, credentials?: string) =>
  ({ raw: { headers: {}, httpVersion, socket: {} }, credentials, url: '/', ip: '127.0.0.1' }) as unknown as AttemptInput
const schemes = async (httpVersion: string) => {
  const { challenges } = await chain.authenticate(input(httpVersion)) as Refused
  return challenges.map(line => line.split(' ')[0])
}

t.test('Negotiate and NTLM over HTTP/2 or for HTTP/1.0: neither is offered (R-CH-13)', async t => {
  t.strictSame(await schemes('1.1'), ['Negotiate', 'Basic', 'NTLM'])
  t.strictSame(await schemes('2.0'), ['Basic'])
  t.strictSame(await schemes('1.0'), ['Basic'])
})

t.test('NTLM credentials over HTTP/2: they are not accepted (R-CH-13)', async t => {
  t.match(await chain.authenticate(input('1.1', 'NTLM TlRMTVNTUAAB')), { kind: 'granted' })
  t.match(await chain.authenticate(input('2.0', 'NTLM TlRMTVNTUAAB')), { kind: 'refused', status: 407, reason: 'not offered' })
  t.match(await chain.authenticate(input('2.0', 'Basic dTpw')), { kind: 'granted' })
})

t.test('a refused leg that asks for another, or says nothing: the first ends the attempt, the second does not (R-NEG-3)', async t => {
  const legs = new LegsStrategy()
  const all = new ConnectionIdentities({ handshakeTimeout: 1000, maxHandshakes: 1, maxPerAddress: 1 })
  const guest = { strategy: { name: 'guest', authenticate (this: { success (user: object): void }) { this.success({ username: 'guest' }) } }, scheme: null }
  const silent = { strategy: foreign('silent', function (seen) { (seen as AttemptRequest).handshake!.keep({}); this.fail() }), scheme: 'NTLM' }
  for (const [strategy, outcome] of [[legs, { kind: 'refused', status: 407, continues: true, challenges: [leg('1')] }], [silent, { kind: 'granted', user: { username: 'guest' } }]] as const) {
    const strategies = [strategy, guest].map(each => readDeclaration(each as typeof guest, { realm: 'gw' }).resolve())
    const socket = new Socket()
    const raw = { headers: {}, httpVersion: '1.1', socket }
    const credentials = leg('1')
    const one = all.begin(raw, credentials)!
    t.match(await createChain(strategies, { timeout: 1000 }).authenticate({ raw, credentials, url: '/', ip: '', leg: one }), outcome)
    one.close(false)
    socket.destroy()
  }
})

t.test('two chains, chosen by the version: what does not depend on the version is that of the whole chain', async t => {
  const others = createChain([declared('Basic')], { timeout: 1000 })
  t.match(byConnection(chain, others), { reads: chain.reads, admitsWithoutCredentials: false })
})

t.test('HTTP/1.0: a refusal of a scheme bound to a connection says that the version is why (F-8)', async t => {
  const others = createChain([declared('Basic')], { timeout: 1000 })
  const version = { note: { reason: 'version', guess: false } }
  const bound = input('1.0', 'NTLM TlRMTVNTUAAB')
  t.match(await byConnection(chain, others).authenticate(bound), { kind: 'refused', ...version })
  const later = { ...others, authenticate: async (given: typeof bound) => await others.authenticate(given) }
  t.match(await byConnection(chain, later).authenticate(bound), { kind: 'refused', ...version })
  t.match(await byConnection(chain, others).authenticate(input('1.0', 'Bearer x')), { status: 407, note: null }, 'another scheme is not offered anywhere')
  t.match(await byConnection(chain, others).authenticate(input('1.0')), { status: 407, reason: 'missing', note: null }, 'who presents nothing is asked for what is left')
  t.match(await byConnection(chain, others).authenticate(input('2.0', 'NTLM TlRMTVNTUAAB')), { status: 407, reason: 'not offered', note: null }, 'of HTTP/2 it is known')
  t.match(await byConnection(chain, others).authenticate(input('1.0', 'Basic dTpw')), { kind: 'granted' }, 'what is served is served')
  const none = createChain([], { timeout: 1000 })
  t.match(await byConnection(chain, none).authenticate(input('1.0')), { status: 403, ...version, cause: { message: /HTTP\/1\.0/ } }, 'and is told why where nothing is')
  const forbids = { strategy: foreign('forbids', function () { this.fail(403) }), scheme: 'Bearer' }
  const refusing = createChain([readDeclaration(forbids, { realm: 'gw' }).resolve()], { timeout: 1000 })
  t.match(await byConnection(chain, refusing).authenticate(input('1.0', 'Bearer x')), { status: 403, note: null }, 'what a strategy refuses, it refuses in any version')
})
