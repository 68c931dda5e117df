import t from 'tap'
import { ntHash } from '../../../lib/schemes/ntlm/keys.js'
import { readMessage } from '../../../lib/schemes/ntlm/message.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../../lib/schemes/ntlm/message.js'
import { verifyWith } from '../../../lib/strategies/ntlm/lookup.js'
import { readNtlmOptions } from '../../../lib/strategies/ntlm/options.js'
import type { NtlmExchange, NtlmLookup, NtlmOptions } from '../../../lib/strategies/ntlm/options.js'
import { FLAGS } from '../../../lib/schemes/ntlm/flags.js'
import { authenticate, negotiate } from '../../fixtures/ntlm-client.js'
import type { NtlmAnswer } from '../../fixtures/ntlm-client.js'

const HASH = ntHash('alice-secret')
const FIRST = negotiate()

async function verdict (lookup: NtlmLookup, answer?: NtlmAnswer, options: Partial<NtlmOptions> = {}) {
  const exchange = await verifyWith(lookup, readNtlmOptions({ lookup, ...options })).begin(readMessage(FIRST) as NegotiateMessage) as NtlmExchange
  const last = authenticate(exchange.challenge.toString('base64'), FIRST, answer)
  return await exchange.finish(readMessage(last) as AuthenticateMessage, undefined)
}

t.test('the password or NT hash of an account: is accepted, and a wrong password is not', async t => {
  for (const account of [{ password: 'alice-secret' }, { ntHash: HASH }, { ntHash: new Uint8Array(HASH) }, { ntHash: HASH.toString('hex') }]) {
    t.match(await verdict(() => account), { kind: 'right', user: { username: 'alice', domain: '' }, userId: 'alice' })
    t.match(await verdict(async () => account, { password: 'wrong' }), { kind: 'wrong', note: { reason: 'response', userId: 'alice', guess: true } })
  }
})

t.test('an account with a user and info: determines both in the verdict', async t => {
  const user = { id: 7 }
  t.match(await verdict(() => ({ password: 'alice-secret', user, info: { groups: ['a'] } })), { user, info: { groups: ['a'] } })
})

t.test('name and domain: are looked up as the client wrote them, with the domain in the hash (R-NTLM-8)', async t => {
  const asked: unknown[] = []
  const lookup: NtlmLookup = (...of) => { asked.push(of); return { password: 'alice-secret' } }
  t.match(await verdict(lookup, { user: 'Alice', domain: 'corp' }), { kind: 'right', user: { username: 'Alice', domain: 'corp' } })
  t.match(await verdict(lookup, { user: 'älice@corp.test', unicode: false }), { kind: 'right' })
  t.strictSame(asked, [['Alice', 'corp'], ['älice@corp.test', '']])
})

t.test('a name that cannot be one, or no response of version 2: nothing is looked up (R-NTLM-7)', async t => {
  const never = () => { throw new Error('asked') }
  for (const [reason, answer] of [
    ['user', { user: 'a\nb' }], ['user', { user: '' }], ['user', { user: 'x'.repeat(257) }], ['user', { domain: '\0' }],
    ['version', { ntResponse: Buffer.alloc(24) }], ['anonymous', { flags: FLAGS.anonymous }],
    ['malformed', { ntResponse: Buffer.from([...Buffer.alloc(16), 1, 1, ...Buffer.alloc(26), 9, 9, 9, 9]) }]
  ] as const) {
    t.match(await verdict(never, answer), { kind: 'wrong', note: { reason, userId: null, guess: false } }, reason)
  }
})

t.test('a look-up that finds nothing, in any spelling: there is no such user', async t => {
  for (const nothing of [null, undefined, false] as const) {
    t.match(await verdict(() => nothing), { kind: 'wrong', note: { reason: 'user', userId: null, guess: true } })
    t.match(await verdict(() => nothing, { password: '' }), { kind: 'wrong' })
  }
})

t.test('an account without a secret: is an error, and no client is accepted', async t => {
  for (const account of [{}, { password: '' }, { password: 7 }, { ntHash: '' }, { ntHash: Buffer.alloc(15) }, { ntHash: 'x'.repeat(32) }]) {
    await t.rejects(verdict(() => account as never, { password: '' }), TypeError)
  }
})

t.test('what the client protects: is checked when the response is right (R-NTLM-9)', async t => {
  const account = () => ({ password: 'alice-secret' })
  t.match(await verdict(account, { mic: 'wrong' }), { note: { reason: 'mic', userId: 'alice', guess: false } })
  const targetNames = ['proxy.test']
  t.match(await verdict(account, { targetName: 'HTTP/proxy.test:8080' }, { targetNames }), { kind: 'right' })
  t.match(await verdict(account, { targetName: 'HTTP/evil.test' }, { targetNames }), { note: { reason: 'target', userId: 'alice', guess: false } })
  t.match(await verdict(account, { targetName: 'HTTP/evil.test', password: 'wrong' }, { targetNames }), { note: { reason: 'response' } })
  t.match(await verdict(account, { targetName: 'HTTP/evil.test' }, { targetNames, extendedProtection: false }), { kind: 'right' })
})
