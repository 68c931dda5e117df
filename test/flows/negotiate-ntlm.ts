// NTLM in the clothes of Negotiate, as Windows sends it where it has no ticket.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NegotiateStrategy, NtlmStrategy, lookupStatic } from '../../lib/index.js'
import type { NegotiateOptions } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form } from '../fixtures/forms.js'
import { keytab, keytabEntry } from '../fixtures/keytab.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { RawClient } from '../fixtures/raw-client.js'

const path = join(t.testdir({}), 'service.keytab')
writeFileSync(path, keytab(keytabEntry('R', 'HTTP', 'proxy.test')))
process.env['KRB5_KTNAME'] = path

const { lookup } = lookupStatic({ alice: 'alice-secret' })
const initializeServer = async () => ({ contextComplete: false, step: async () => { throw new Error('no ticket') } })
const FIRST = negotiate()
const challengesOf = (answer: string) => [...answer.matchAll(/^proxy-authenticate: (.*)\r$/gim)].map(([, challenge]) => challenge!)
const statusOf = (answer: string) => Number(answer.slice(9, 12))

for (const form of FORMS) {
  const up = async (options: NegotiateOptions) => {
    const here = await surroundings(t, { strategies: [new NegotiateStrategy({ initializeServer, ...options })], connectionBound: true })
    const client = await RawClient.to(t, here.port)
    const ask = async (token?: string, as: Form = form) => await client.send(message(as, `origin.test:${here.origin.port}`, token === undefined ? [] : [`Proxy-Authorization: Negotiate ${token}`])).answer()
    return { here, ask }
  }

  t.test(`${form}: a strategy of NTLM judges it, if there is one (R-NEG-6)`, async t => {
    const { ask, here } = await up({ ntlm: new NtlmStrategy({ lookup }) })
    const asked = await ask(FIRST)
    t.equal(statusOf(asked), 407)
    const [challenge = ''] = challengesOf(asked)
    t.match(challenge, /^Negotiate TlRMTVNTUAAC/)
    t.equal(statusOf(await ask(authenticate(challenge.slice('Negotiate '.length), FIRST, { password: 'wrong' }))), 407)
    const [again = ''] = challengesOf(await ask(FIRST))
    t.equal(statusOf(await ask(authenticate(again.slice('Negotiate '.length), FIRST))), 200)
    if (form === 'CONNECT') return
    t.equal(statusOf(await ask()), 200)
    t.same(here.proxied().map(({ user, scheme }) => [user, scheme]), [['alice', 'Negotiate'], ['alice', 'Negotiate']])
  })

  t.test(`${form}: without one it is refused, and clients are told that they may try otherwise (R-NEG-6)`, async t => {
    const { ask, here } = await up({})
    const answer = await ask(FIRST)
    t.same([statusOf(answer), challengesOf(answer)], [407, ['Negotiate']])
    t.same(here.origin.seen, [])
  })
}
