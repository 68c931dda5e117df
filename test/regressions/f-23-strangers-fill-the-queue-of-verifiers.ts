import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { ALICE } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

// Passwords that are slow to verify wait for their turn in one queue. Wrong ones from one address must not fill it for others.

const from = async (t: Test, port: number, localAddress: string): Promise<RawClient> =>
  await RawClient.over(t, connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true }), 'connect')
const guess = (i: number): string => `Basic ${Buffer.from(`stranger:${i}`).toString('base64')}`

for (const form of FORMS) {
  t.test(`${form}: guesses from one address fill the queue: another address is next (F-23)`, async t => {
    const asked: Array<{ username: string, end: () => void }> = []
    const verify = async ({ username }: { username: string }): Promise<{ username: string } | null> => {
      await new Promise<void>(resolve => asked.push({ username, end: resolve }))
      return username === 'alice' ? { username } : null
    }
    const surrounded = await surroundings(t, { strategies: [new BasicStrategy({ verify })], verifiers: { concurrency: 1, queue: 4 } })
    const { port, origin } = surrounded
    const ask = (credentials: string): string => message(form, origin.authority, [`Proxy-Authorization: ${credentials}`])
    const strangers: RawClient[] = []
    for (let i = 0; i < 5; i++) strangers.push((await from(t, port, '127.0.0.1')).send(ask(guess(i))))
    await until(() => asked.length === 1)
    const late = await from(t, port, '127.0.0.1')
    t.match(await late.send(ask(guess(5))).answer(), /^HTTP\/1.1 503 /, 'it is full')
    const alice = await from(t, port, '127.0.0.2')
    alice.send(ask(ALICE))
    await until(() => strangers.some(({ text }) => text.startsWith('HTTP/1.1 503')))
    asked[0]!.end()
    await until(() => asked.length === 2)
    asked[1]!.end()
    await until(() => asked.length === 3)
    asked[2]!.end()
    t.match(await alice.answer(), /^HTTP\/1.1 200 /)
    t.ok(asked.slice(0, 3).some(({ username }) => username === 'alice'))
  })
}
