import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import type { DigestOptions } from '../../lib/index.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'

// The time until the 407 told whether there is such a user. Time is hard to test, so what takes it is counted: look-ups, hashes,
// comparisons, texts brought into form C, questions of the counters of guesses.

const HA1 = 'ab'.repeat(32)
const { lookup, lookupHash } = lookupStatic({ alice: 'alice-secret', j\u00e4ns: 'j\u00e4ns-secret' })
lookupHash('', 'Gateway', 'SHA-256') // the first one hashes all names
const ACCOUNTS: Record<string, DigestOptions> = {
  'by password': { lookup },
  'by HA1': { lookup: name => lookup(name) && { ha1: HA1 } },
  'by password, later': { lookup: async name => lookup(name) },
  'by userhash': { lookup, lookupHash },
  'by userhash, later': { lookup, lookupHash: async (...asked) => lookupHash(...asked) }
}

/** Notes each call of a method until the test ends. */
function watch<Owner extends object> (t: Test, calls: string[], owner: Owner, name: keyof Owner & string): void {
  const original = owner[name] as (...args: unknown[]) => unknown
  const replace = (method: unknown): void => {
    owner[name] = method as Owner[typeof name]
    syncBuiltinESMExports()
  }
  replace(function (this: unknown, ...args: unknown[]) {
    calls.push(name)
    return original.apply(this, args)
  })
  t.teardown(() => replace(original))
}

for (const form of FORMS) {
  for (const [kind, options] of Object.entries(ACCOUNTS)) {
    for (const attempts of [undefined, { perUser: 100 }]) {
      t.test(`${form}, accounts ${kind}, ${attempts === undefined ? 'without' : 'with'} limits of guessing: an unknown user is the work of a known one (F-27, S11)`, async t => {
        const calls: string[] = []
        const asked = { ...options }
        for (const name of ['lookup', 'lookupHash'] as const) if (asked[name] !== undefined) watch(t, calls, asked, name)
        const surrounded = await surroundings(t, { strategies: [new DigestStrategy(asked)], ...(attempts && { attempts }) })
        const session = await DigestSession.start(t, surrounded, form)
        watch(t, calls, crypto, 'hash')
        watch(t, calls, crypto, 'timingSafeEqual')
        watch(t, calls, String.prototype, 'normalize')
        const work = async (username: string): Promise<string[]> => {
          const line = `Proxy-Authorization: ${session.sign('/', { username, password: 'wrong', qop: 'auth' })}`
          const client = await RawClient.to(t, surrounded.port)
          calls.length = 0 // the client hashes as well
          const refusal = await client.send(message(form, surrounded.origin.authority, [line])).until(text => text.includes('\r\n\r\n'))
          const seen = [...calls]
          t.match(refusal, /^HTTP\/1.1 407 /)
          client.socket.destroy()
          return seen
        }
        for (const [known, unknown] of [['alice', 'nobdy'], ['j\u00e4ns', 'k\u00e4ns'], ['j%C3%A4ns', 'k%C3%A4ns']] as const) {
          const expected = await work(known)
          t.ok(expected.some(call => call.startsWith('lookup')))
          t.same(await work(unknown), expected, `${unknown} as ${known}`)
        }
      })
    }
  }
}
