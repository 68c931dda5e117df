import t from 'tap'
import type { ClientContext, KerberosClientPackage } from '../../../../lib/proxy/parent/login/kerberos-client.js'
import { ParentNegotiateLogin } from '../../../../lib/proxy/parent/login/negotiate.js'
import type { ParentNegotiateCredentials } from '../../../../lib/policy/parent/credentials.js'
import { credentialsOf } from '../../../fixtures/parent-login.js'

// With a library that is made up: what GSSAPI itself does of it is in test/flows/parent-logins.ts.

const FAILED = { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS' }
const UNPROVEN = { code: 'FST_PROXY_AUTH_PARENT_UNPROVEN' }
/** DER of a token that is a reply, or the first of SPNEGO. */
const reply = (text: string) => Buffer.concat([Buffer.from([0xa1, text.length]), Buffer.from(text)]).toString('base64')
const INITIAL = Buffer.from('6009' + '06062b0601050502' + '00', 'hex').toString('base64')
const NTLM = Buffer.from('NTLMSSP\0 and more').toString('base64')

/** A library whose contexts say these tokens one after the other, and are complete with the last. */
function library (...tokens: Array<string | null | Error>) {
  const opened: unknown[] = []
  const given: string[] = []
  const library: KerberosClientPackage = {
    GSS_MECH_OID_SPNEGO: 6,
    GSS_C_MUTUAL_FLAG: 2,
    async initializeClient (service, options) {
      opened.push([service, options])
      const left = [...tokens]
      const context: ClientContext & { contextComplete: boolean } = {
        contextComplete: false,
        async step (token) {
          given.push(token)
          const next = left.shift()
          if (next instanceof Error) throw next
          context.contextComplete = left.length === 0
          return next ?? null
        }
      }
      return context
    }
  }
  return { library, opened, given, load: async () => library }
}

const login = (load: () => Promise<KerberosClientPackage>, more: Partial<ParentNegotiateCredentials> = {}, limit = 10_000) =>
  new ParentNegotiateLogin({ scheme: 'Negotiate', ...more }, { host: 'parent.test', limit, load })

t.test('a parent that was never asked: nothing goes unasked, and then a ticket for it', async t => {
  const { load, opened, given } = library(INITIAL, null)
  const account = login(load)
  const attempt = account.attempt()
  t.equal(await attempt.first(), null)
  t.match([account.ready, attempt.ready, opened], [false, false, []])
  t.equal(credentialsOf(await attempt.next(['NTLM, Negotiate'])), `Negotiate ${INITIAL}`)
  t.strictSame(opened, [['HTTP@parent.test', { mechOID: 6, flags: 2 }]])
  t.equal(attempt.ready, true)
  await attempt.succeeded([], [`Negotiate ${reply('last')}`])
  t.strictSame(given, ['', reply('last')])
  t.match(account, { ready: true, isWanted: true, scheme: 'Negotiate', account: /^default-principal#\d+$/, bindsConnection: true })
  t.equal(credentialsOf(await account.attempt().first()), `Negotiate ${INITIAL}`, 'the next connection begins at once')
})

t.test('another service and principal: are what the library is asked for', async t => {
  const { load, opened } = library(INITIAL)
  const account = login(load, { service: 'HTTP@other.test', principal: 'gateway@TEST' })
  await account.attempt().next(['Negotiate'])
  t.strictSame(opened, [['HTTP@other.test', { mechOID: 6, flags: 2, principal: 'gateway@TEST' }]])
  t.match(account.account, /^gateway@TEST#\d+$/)
})

t.test('a parent that did not ask: nothing goes unasked the next time either', async t => {
  const account = login(library().load)
  const attempt = account.attempt()
  await attempt.first()
  await attempt.succeeded([], [])
  t.equal(account.isWanted, false)
})

t.test('a handshake of more legs: goes on with each token of the parent, and ends after eight', async t => {
  const { load, given } = library(INITIAL, ...Array.from({ length: 20 }, (_each, i) => reply(String(i))))
  const attempt = login(load).attempt()
  let lines = ['Negotiate']
  let legs = 0
  for (; await attempt.next(lines) !== null; legs++) lines = [`Negotiate ${reply(`s${legs}`)}`]
  t.equal(legs, 8)
  t.strictSame(given, ['', ...Array.from({ length: 7 }, (_each, i) => reply(`s${i}`))])
})

t.test('challenges that cannot be answered: the parent has refused', async t => {
  for (const lines of [[], ['NTLM'], ['Negotiate "'], [`Negotiate ${reply('x')}`], ['Negotiate', `Negotiate ${reply('x')}`]]) {
    t.equal(await login(library(INITIAL).load).attempt().next(lines), null, lines.join())
  }
  for (const lines of [[], ['Negotiate'], ['Negotiate AAAA'], [`Negotiate ${NTLM}`], [`Negotiate ${reply('NTLMSSP\0')}`], ['Negotiate a'], ['Negotiate x=1']]) {
    const { load, given } = library(INITIAL, reply('x'))
    const attempt = login(load).attempt()
    await attempt.next(['Negotiate'])
    t.equal(await attempt.next(lines), null, lines.join())
    t.strictSame(given, [''], 'and the library does not see it')
  }
})

t.test('a token that the library refuses, or has nothing to say to: the parent has refused', async t => {
  for (const said of [new Error('no'), null, '']) {
    const attempt = login(library(INITIAL, said).load).attempt()
    await attempt.next(['Negotiate'])
    t.equal(await attempt.next([`Negotiate ${reply('x')}`]), null)
  }
})

t.test('a library that has nothing to begin with: there are no credentials', async t => {
  t.equal(await login(library(null).load).attempt().next(['Negotiate']), null)
  await t.rejects(async () => await login(library(new Error('no ticket')).load).attempt().next(['Negotiate']), { ...FAILED, cause: { message: 'no ticket' } })
  await t.rejects(async () => await login(async () => { throw new Error('not installed') }).attempt().next(['Negotiate']), { ...FAILED, cause: { message: 'not installed' } })
})

t.test('a library that offers NTLM in place of a ticket: it is not sent', async t => {
  for (const token of [NTLM, reply('NTLMSSP\0'), 'AAAA']) {
    await t.rejects(async () => await login(library(token).load).attempt().next(['Negotiate']), FAILED)
    const attempt = login(library(INITIAL, token).load).attempt()
    await attempt.next(['Negotiate'])
    t.equal(await attempt.next([`Negotiate ${reply('x')}`]), null)
  }
})

t.test('proof of the parent: what comes of it, right or wrong or not at all', async t => {
  const outcome = async (mutual: boolean, lines: string[], ...tokens: Array<string | null | Error>): Promise<string> => {
    const account = login(library(INITIAL, ...tokens).load, { mutual })
    const attempt = account.attempt()
    await attempt.next(['Negotiate'])
    t.equal(attempt.ready, !mutual)
    const failed = await (async () => await attempt.succeeded([], lines))().then(() => undefined, (error: Error) => error)
    if (failed !== undefined) t.match(failed, UNPROVEN)
    t.equal(account.isWanted, failed === undefined)
    t.equal(account.ready, failed === undefined && !mutual)
    return failed === undefined ? 'taken' : 'refused'
  }
  const last = [`Negotiate ${reply('last')}`]
  for (const mutual of [false, true]) {
    t.equal(await outcome(mutual, last, null), 'taken', 'right')
    t.equal(await outcome(mutual, last, new Error('no')), 'refused', 'wrong')
    t.equal(await outcome(mutual, ['Negotiate'], null), 'refused', 'a name without a token')
    t.equal(await outcome(mutual, [`Negotiate ${NTLM}`], null), 'refused', 'of NTLM')
    t.equal(await outcome(mutual, [], null), mutual ? 'refused' : 'taken', 'none')
    t.equal(await outcome(mutual, last, null, null), mutual ? 'refused' : 'taken', 'not the last one')
  }
})

t.test('a parent that asks for nothing: proves nothing', async t => {
  const attempt = login(library().load, { mutual: true }).attempt()
  await attempt.first()
  await t.rejects(async () => await attempt.succeeded([], []), UNPROVEN)
})

t.test('a KDC that does not respond: the request fails in time, and no more than two steps block threads', async t => {
  let open = 0
  const releases: Array<() => void> = []
  const account = login(async () => {
    open += 1
    await new Promise<void>(resolve => releases.push(resolve))
    throw new Error('too late')
  }, {}, 20)
  const failed = await Promise.allSettled(Array.from({ length: 5 }, async () => await account.attempt().next(['Negotiate'])))
  for (const each of failed) t.match(each, { status: 'rejected', reason: { ...FAILED, cause: /longer than 20 ms/ } })
  t.equal(open, 2)
  const { load } = library(INITIAL)
  const waits = login(load).attempt().next(['Negotiate'])
  for (let released = 0; released < 5; released++) {
    while (releases.length === 0) await new Promise(resolve => setImmediate(resolve))
    releases.shift()!()
  }
  t.equal(credentialsOf(await waits), `Negotiate ${INITIAL}`, 'the turns come back')
})
