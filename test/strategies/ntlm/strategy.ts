import t from 'tap'
import { TooManyHandshakes } from '../../../lib/errors.js'
import { lookupStatic } from '../../../lib/users/static.js'
import { NtlmStrategy } from '../../../lib/strategies/ntlm/strategy.js'
import type { NtlmVerifier } from '../../../lib/strategies/ntlm/options.js'
import { authenticate, negotiate } from '../../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../../fixtures/ntlm-client.js'
import { runLeg } from '../../fixtures/ntlm-attempt.js'
import { vectors } from '../../fixtures/vectors.js'

const strategy = new NtlmStrategy({ lookup: username => username === 'alice' ? { password: 'alice-secret' } : null })
const FIRST = negotiate()

async function handshake (answer?: NtlmAnswer, on = strategy) {
  const { kept, fail } = await runLeg(on, `NTLM ${FIRST}`)
  return await runLeg(on, `NTLM ${authenticate(String(fail![0]).slice(5), FIRST, answer)}`, kept)
}

t.test('a right handshake: the first leg gets a challenge, the last gives the user (R-NTLM-1)', async t => {
  const first = await runLeg(strategy, `ntlm ${FIRST}`)
  t.match(first, { fail: [/^NTLM TlRMTVNTUAAC/, undefined, undefined], kept: { finish: Function } })
  t.match(await handshake(), { success: [{ username: 'alice', domain: '' }, { userId: 'alice' }] })
})

t.test('each challenge: differs from all others (R-NTLM-5)', async t => {
  const challenges = new Set()
  for (let i = 0; i < 50; i++) {
    const { fail } = await runLeg(strategy, `NTLM ${FIRST}`)
    challenges.add(Buffer.from(String(fail![0]).slice(5), 'base64').toString('hex', 24, 32))
  }
  t.equal(challenges.size, 50)
})

t.test('a wrong password or any other refusal: is 407 with the bare scheme (R-NTLM-3, R-NTLM-4)', async t => {
  t.match(await handshake({ password: 'wrong' }), { fail: ['NTLM', undefined, { reason: 'response', userId: 'alice', guess: true }] })
  t.match(await handshake({ user: 'mallory' }), { fail: ['NTLM', undefined, { reason: 'user', userId: null, guess: true }] })
  t.match(await handshake({ ntResponse: Buffer.alloc(24, 1) }), { fail: ['NTLM', undefined, { reason: 'version', guess: false }] })
})

for (const { id, description, field_value: value } of vectors<{ id: string, description: string, field_value: string }>('ntlm')) {
  if (!id.startsWith('NT-X')) continue
  t.test(`${id}: ${description} (R-NTLM-6)`, async t => {
    for (const kept of [undefined, (await runLeg(strategy, `NTLM ${FIRST}`)).kept]) {
      const said = await runLeg(strategy, value, kept)
      t.match(said, { fail: ['NTLM', undefined, { userId: null }] })
      t.notOk(said.kept)
    }
  })
}

t.test('no token, no credentials, or those of another scheme: the challenge is the bare scheme', async t => {
  for (const value of [undefined, 'NTLM', 'NTLM ', 'Basic dTpw']) t.strictSame((await runLeg(strategy, value)).fail, ['NTLM', undefined, undefined])
  t.strictSame(strategy.challenge(), { scheme: 'NTLM' })
})

t.test('parameters in place of a token: are refused as malformed', async t => {
  t.match(await runLeg(strategy, 'NTLM realm="x"'), { fail: ['NTLM', undefined, { reason: 'malformed', guess: false }] })
})

t.test('a last leg without a first: is refused as out of order (R-NTLM-1)', async t => {
  const { fail } = await runLeg(strategy, `NTLM ${FIRST}`)
  const last = `NTLM ${authenticate(String(fail![0]).slice(5), FIRST)}`
  t.match(await runLeg(strategy, last), { fail: ['NTLM', undefined, { reason: 'order' }] })
  t.match(await runLeg(strategy, last, (await runLeg(strategy, `NTLM ${FIRST}`)).kept), { fail: ['NTLM', undefined, { reason: 'response' }] }, 'nor is another challenge answered with it')
})

t.test('a connection that is not known: is an error', async t => {
  const errors: unknown[] = []
  const attempt = Object.assign(Object.create(strategy) as NtlmStrategy, { error: (cause: unknown) => errors.push(cause) })
  attempt.authenticate({ headers: { authorization: `NTLM ${FIRST}` } })
  t.match(errors, [Error])
})

t.test('a verifier that cannot tell: is an error, and not the fault of the client', async t => {
  const away = Object.assign(new Error('away'), { statusCode: 503 })
  const verifiers: NtlmVerifier[] = [
    { begin () { throw away } },
    { begin: async () => { throw away } },
    { begin: () => ({ challenge: Buffer.from(vectors<{ id: string, message_base64: string }>('ntlm')[1]!.message_base64, 'base64'), finish: async () => { throw away } }) }
  ]
  t.match(await runLeg(new NtlmStrategy({ verifier: verifiers[0]! }), `NTLM ${FIRST}`), { error: away })
  t.match(await runLeg(new NtlmStrategy({ verifier: verifiers[1]! }), `NTLM ${FIRST}`), { error: away })
  t.match(await handshake({}, new NtlmStrategy({ verifier: verifiers[2]! })), { error: away })
})

t.test('a handshake for which there is no room: ends at once', async t => {
  let ended = 0
  const verifier: NtlmVerifier = { begin: async () => ({ challenge: Buffer.alloc(1), finish: () => { throw new Error() }, end () { ended += 1 } }) }
  const full = new TooManyHandshakes(1)
  const said = await new Promise(resolve => {
    const attempt = Object.assign(Object.create(new NtlmStrategy({ verifier })) as NtlmStrategy, { error: resolve })
    attempt.authenticate({ headers: { authorization: `NTLM ${FIRST}` }, handshake: { kept: undefined, keep () { throw full } } })
  })
  t.equal(said, full)
  t.equal(ended, 1)
  const endless: NtlmVerifier = { begin: () => ({ challenge: Buffer.alloc(1), finish: () => { throw new Error() } }) }
  const attempt = Object.create(new NtlmStrategy({ verifier: endless })) as NtlmStrategy
  t.throws(() => attempt.authenticate({ headers: { authorization: `NTLM ${FIRST}` }, handshake: { kept: undefined, keep () { throw full } } }), full)
})

t.test('whether a user has an account: is known only with a look-up that knows its accounts', async t => {
  const known = new NtlmStrategy({ lookup: lookupStatic({ alice: 'alice-secret' }).lookup })
  t.strictSame([known.hasAccount('alice'), known.hasAccount('mallory'), strategy.hasAccount('alice')], [true, false, false])
})

t.test('accounts that are to be read anew: it asks a look-up or a verifier that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new NtlmStrategy({ lookup: reloading('lookup') }).reload(), undefined)
  t.equal(await new NtlmStrategy({ verifier: { begin: () => { throw new Error('unused') }, ...reloading('verifier') } }).reload(), undefined)
  t.strictSame(asked, ['lookup', 'verifier'])
  t.equal(await new NtlmStrategy({ lookup: () => null }).reload(), false)
})
