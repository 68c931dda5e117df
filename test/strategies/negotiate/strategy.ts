import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../../lib/passport/ask-strategy.js'
import type { Verdict } from '../../../lib/passport/outcome.js'
import type { Handshake, HandshakeState } from '../../../lib/strategies/handshake.js'
import { loadKerberos } from '../../../lib/strategies/negotiate/kerberos.js'
import type { SecurityContext } from '../../../lib/strategies/negotiate/kerberos.js'
import { NegotiateStrategy } from '../../../lib/strategies/negotiate/strategy.js'
import { NtlmStrategy } from '../../../lib/strategies/ntlm/strategy.js'
import type { NegotiateOptions, NegotiateRefusal } from '../../../lib/strategies/negotiate/options.js'
import { view } from '../../fixtures/attempt.js'
import { KERBEROS, NTLMSSP, negTokenInit, negTokenResp } from '../../fixtures/der.js'
import { keytab, keytabEntry } from '../../fixtures/keytab.js'
import { LegsStrategy, leg } from '../../fixtures/legs.js'

const folder = t.testdir({})
const good = join(folder, 'good.keytab')
writeFileSync(good, keytab(keytabEntry('R', 'HTTP', 'proxy.test')))
process.env['KRB5_KTNAME'] = good

const encoded = (token: Buffer) => `Negotiate ${token.toString('base64')}`
const FIRST = encoded(negTokenInit([KERBEROS], Buffer.from('first')))
const NEXT = encoded(negTokenResp(Buffer.from('next')))

/** What GSSAPI says to a token: that it is complete, or what it says else. */
type Step = Partial<SecurityContext> | Error | { readonly response: string, readonly wants: 'more' }

/** A context of which each step is told beforehand. */
function contextOf (...steps: Step[]): SecurityContext {
  const context = {
    contextComplete: false,
    async step () {
      const next = steps.shift()
      if (next === undefined || next instanceof Error) throw Object.assign(next ?? new Error('nothing more'), Object.assign(context, { response: null }) && {})
      if ('wants' in next) {
        Object.assign(context, { response: next.response })
        throw new Error('A required input parameter could not be read')
      }
      Object.assign(context, { contextComplete: true, username: 'alice@R', targetName: 'HTTP/proxy.test@R', response: null }, next)
    }
  }
  return context
}

/** A connection, as the gate keeps it: what is kept is handed out once. */
function connection () {
  let kept: HandshakeState | undefined
  return {
    get kept () { return kept },
    next (): Handshake {
      const before = kept
      kept = undefined
      return { kept: before, keep: state => { kept = state } }
    }
  }
}

const judge = async (strategy: NegotiateStrategy, credentials?: string, handshake?: Handshake): Promise<Verdict> =>
  await run(strategy, { ...view(credentials), ...(handshake !== undefined && { handshake }) }, { name: 'negotiate', timeout: 1000 })

/** The verdict on a ticket for which GSSAPI says this. */
const judged = async (options: NegotiateOptions, ...steps: Step[]): Promise<Verdict> =>
  await judge(new NegotiateStrategy({ initializeServer: async () => contextOf(...steps), ...options }), FIRST)

t.test('a right ticket: the user is accepted, and the last token goes to the client (R-NEG-4)', async t => {
  t.same(await judged({}, { response: 'b2s=' }), {
    kind: 'accepted',
    user: { username: 'alice', principal: 'alice@R' },
    info: { userId: 'alice', principal: 'alice@R', service: 'HTTP/proxy.test@R', proxyAuthenticate: { scheme: 'Negotiate', token68: 'b2s=' } }
  })
  t.same((await judged({}, {}) as { info: object }).info, { userId: 'alice', principal: 'alice@R', service: 'HTTP/proxy.test@R' })
})

t.test('no token for Negotiate: the challenge is the bare name (R-NEG-2)', async t => {
  const strategy = new NegotiateStrategy()
  t.same(strategy.challenge(), { scheme: 'Negotiate' })
  for (const credentials of [undefined, 'Basic dTpw', 'Negotiate', ' negotiate ']) {
    t.same(await judge(strategy, credentials), { kind: 'failed', challenge: 'Negotiate', status: undefined, note: null }, String(credentials))
  }
})

t.test('a handshake that needs another leg: is asked for it with a token, and judged with what was kept (R-NEG-3, R-NEG-7)', async t => {
  let opened = 0
  const strategy = new NegotiateStrategy({ initializeServer: async () => { opened++; return contextOf({ wants: 'more', response: 'bW9yZQ==' }, {}) } })
  const client = connection()
  t.match(await judge(strategy, FIRST, client.next()), { kind: 'failed', challenge: 'Negotiate bW9yZQ==', status: undefined })
  t.ok(client.kept)
  client.kept!.end?.()
  t.match(await judge(strategy, NEXT, client.next()), { kind: 'accepted', user: { username: 'alice' } })
  t.equal(opened, 1)
  t.equal(client.kept, undefined)
})

/** The reason of a refusal, and the challenge or another status. */
async function reasonOf (credentials: string, options: NegotiateOptions = {}, handshake?: Handshake): Promise<string> {
  const refusals: NegotiateRefusal[] = []
  const onRefused = (refusal: NegotiateRefusal) => { refusals.push(refusal) }
  const verdict = await judge(new NegotiateStrategy({ initializeServer: async () => contextOf(), onRefused, ...options }), credentials, handshake)
  if (verdict.kind !== 'failed') return verdict.kind
  const { reason, principal } = refusals[0]!
  const wrong = ['malformed', 'ticket', 'service'].includes(reason) // the others: another scheme's, lost, or right and not enough
  t.same(verdict.note, { reason, userId: principal, guess: false, ...(wrong && { wrong }) })
  return [reason, principal ?? 'nobody', verdict.status ?? verdict.challenge].join()
}

t.test('a leg without one before it on its connection: is refused (R-NEG-7)', async t => {
  t.equal(await reasonOf(NEXT), 'leg,nobody,Negotiate')
  t.equal(await reasonOf(NEXT, {}, connection().next()), 'leg,nobody,Negotiate')
  t.equal(await reasonOf(NEXT, {}, { kept: { end () {} }, keep () {} }), 'leg,nobody,Negotiate', 'what another kept')
  const initializeServer = async () => contextOf({ wants: 'more', response: 'bW9yZQ==' })
  t.equal(await reasonOf(FIRST, { initializeServer }), 'leg,nobody,Negotiate', 'nowhere to keep it')
})

t.test('a handshake of too many legs: comes to an end (R-NEG-7)', async t => {
  const endless = contextOf(...Array.from({ length: 20 }, (): Step => ({ wants: 'more', response: 'bW9yZQ==' })))
  const strategy = new NegotiateStrategy({ initializeServer: async () => endless })
  const client = connection()
  let legs = 0
  for (let verdict = await judge(strategy, FIRST, client.next()); verdict.kind === 'failed' && verdict.challenge !== 'Negotiate'; legs++) {
    verdict = await judge(strategy, NEXT, client.next())
  }
  t.equal(legs, 7)
})

t.test('a token that is no ticket: is refused (R-NEG-6)', async t => {
  for (const credentials of ['Negotiate x', 'Negotiate AAAA', 'Negotiate YIIB YIIB', encoded(negTokenInit([KERBEROS]).subarray(0, 12))]) {
    t.equal(await reasonOf(credentials), 'malformed,nobody,Negotiate', credentials)
  }
  t.equal(await reasonOf(FIRST), 'ticket,nobody,Negotiate')
  t.equal(await reasonOf(FIRST, { initializeServer: async () => ({ contextComplete: false, async step () {} }) }), 'ticket,nobody,Negotiate')
})

t.test('an NTLM token that no strategy takes: is refused (R-NEG-6)', async t => {
  const ntlm = Buffer.from('NTLMSSP\0\x01\0\0\0')
  t.equal(await reasonOf(encoded(ntlm)), 'ntlm,nobody,Negotiate')
  t.equal(await reasonOf(encoded(negTokenInit([NTLMSSP, KERBEROS], ntlm))), 'ntlm,nobody,Negotiate')
  t.equal(await reasonOf(encoded(negTokenInit([NTLMSSP, KERBEROS], ntlm)), { ntlm: new LegsStrategy() }), 'ntlm,nobody,Negotiate')
})

t.test('an NTLM token with a strategy for it: is handed to that, in the words of Negotiate (R-NEG-6)', async t => {
  class Signed extends LegsStrategy {
    override async authenticate (request: Parameters<LegsStrategy['authenticate']>[0]): Promise<void> {
      const text = Buffer.from(request.headers.authorization!.slice('NTLM '.length), 'base64').toString().slice('NTLMSSP\0'.length)
      if (text === 'x') throw new Error('broken')
      if (text === 'y') return this.error(new Error('broken'))
      if (text === 'z') return this.fail(new Error('malformed'), 400)
      await super.authenticate.call(this, { ...request, headers: { authorization: leg(text) } })
    }
  }
  const strategy = new NegotiateStrategy({ ntlm: new Signed() })
  const ntlm = (text: string) => encoded(Buffer.from(`NTLMSSP\0${text}`))
  const client = connection()
  t.match(await judge(strategy, ntlm('1'), client.next()), { kind: 'failed', challenge: leg('1', 'Negotiate') })
  t.match(await judge(strategy, ntlm('3 alice 1'), client.next()), { kind: 'accepted', user: { username: 'alice' } })
  t.match(await judge(strategy, ntlm('3 alice 1'), client.next()), { kind: 'failed', challenge: 'Negotiate' })
  for (const broken of ['x', 'y']) t.equal((await judge(strategy, ntlm(broken))).kind, 'broken')
  t.match(await judge(strategy, ntlm('z')), { kind: 'failed', status: 400 })

  const both = new NegotiateStrategy({ ntlm: new Signed(), initializeServer: async () => contextOf({ wants: 'more', response: 'bW9yZQ==' }) })
  const other = connection()
  t.match(await judge(both, FIRST, other.next()), { kind: 'failed', challenge: 'Negotiate bW9yZQ==' })
  t.match(await judge(both, ntlm('1'), other.next()), { kind: 'failed', challenge: leg('1', 'Negotiate') }, 'and what was kept of Kerberos is not shown to it')
  t.match(await judge(both, NEXT, other.next()), { kind: 'failed', challenge: 'Negotiate' }, 'nor the other way round')
})

t.test('a ticket for another service: is refused (R-NEG-5)', async t => {
  const reason = async (targetName: string | null, options: NegotiateOptions = {}) =>
    await reasonOf(FIRST, { initializeServer: async () => contextOf({ targetName }), ...options })
  t.equal(await reason('host/proxy.test@R'), 'service,alice@R,Negotiate')
  t.equal(await reason(null), 'service,alice@R,Negotiate')
  t.equal(await reason('HTTP/other.test@R', { service: 'HTTP/proxy.test' }), 'service,alice@R,Negotiate')
  t.equal(await reason('HTTP/other.test@R'), 'accepted')
  t.equal(await reasonOf(FIRST, { initializeServer: async () => contextOf({ username: 'nonsense' }) }), 'service,nobody,Negotiate')
  t.equal(await reasonOf(FIRST, { initializeServer: async () => contextOf({ username: null }) }), 'service,nobody,Negotiate')
})

t.test('a principal of another realm: is accepted only if that is listed, and no two users share a name', async t => {
  const user = async (username: string, options: NegotiateOptions = {}) => {
    const verdict = await judged(options, { username })
    return verdict.kind === 'accepted' ? (verdict.user as { username: string }).username : (verdict as { status: number }).status
  }
  t.equal(await user('alice@R'), 'alice')
  t.equal(await user('alice@OTHER'), 403)
  t.equal(await user('alice@OTHER', { realms: ['R', 'OTHER'] }), 'alice@OTHER')
  t.equal(await user('alice@R', { realms: ['OTHER', 'R'] }), 'alice@R')
  t.equal(await user('alice@R', { realms: ['OTHER'] }), 403)
  t.equal(await user('WELLKNOWN/ANONYMOUS@R'), 403)
  t.equal(await reasonOf(FIRST, { initializeServer: async () => contextOf({ username: 'alice@OTHER' }) }), 'realm,alice@OTHER,403')
})

t.test('a map option: says which user a principal is here', async t => {
  const shown: unknown[] = []
  t.match(await judged({ map: async principal => { shown.push(principal); return ['Alice', { team: 'build' }] } }, {}), {
    user: 'Alice', info: { userId: 'alice', principal: 'alice@R', team: 'build' }
  })
  t.same(shown, [{ principal: 'alice@R', name: 'alice', realm: 'R', service: 'HTTP/proxy.test@R' }])
  t.equal(await reasonOf(FIRST, { initializeServer: async () => contextOf({}), map: () => null }), 'user,alice@R,403')
  t.equal((await judged({ map: () => { throw new Error('away') } }, {})).kind, 'broken')
})

t.test('a keytab that has gone, or a package that does not load: is our fault, not a refusal (R-407-15)', async t => {
  t.teardown(() => { process.env['KRB5_KTNAME'] = good })
  const strategy = new NegotiateStrategy({ initializeServer: async () => contextOf() })
  await strategy.prepare()
  process.env['KRB5_KTNAME'] = join(folder, 'none')
  t.equal((await judge(strategy, FIRST)).kind, 'broken')
  t.equal((await judge(new NegotiateStrategy({ initializeServer: async () => { throw new Error('not there') } }), FIRST)).kind, 'broken')
})

t.test('it is prepared at the boot: keytab and package', async t => {
  t.teardown(() => { process.env['KRB5_KTNAME'] = good })
  await t.rejects(new NegotiateStrategy({ service: 'HTTP/other.test', initializeServer: async () => contextOf() }).prepare(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  await t.rejects(new NegotiateStrategy({ initializeServer: async () => { throw new Error('not there') } }).prepare(), /not there/)
  await new NegotiateStrategy({ initializeServer: async () => contextOf() }).prepare()
  process.env['KRB5_KTNAME'] = join(folder, 'none')
  await t.rejects(new NegotiateStrategy({ initializeServer: async () => contextOf() }).prepare(), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
  t.throws(() => new NegotiateStrategy({ realms: [] }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('neither package nor keytab: the package is asked for first (F-35)', async t => {
  t.teardown(() => { process.env['KRB5_KTNAME'] = good })
  process.env['KRB5_KTNAME'] = join(folder, 'none')
  const installed = await loadKerberos().then(() => true, () => false)
  await t.rejects(new NegotiateStrategy().prepare(), { code: installed ? 'FST_PROXY_AUTH_BAD_OPTION' : 'FST_PROXY_AUTH_MISSING_PACKAGE' })
})

t.test('accounts that are to be read anew: it asks its map, and the strategy for NTLM', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  const ntlm = new NtlmStrategy({ lookup: reloading('lookup') })
  t.equal(await new NegotiateStrategy({ map: reloading('map'), ntlm }).reload(), undefined)
  t.strictSame(asked, ['map', 'lookup'])
  t.equal(await new NegotiateStrategy({ ntlm: new NtlmStrategy({ lookup: () => null }) }).reload(), false)
})
