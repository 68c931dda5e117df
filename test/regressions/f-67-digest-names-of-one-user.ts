import t from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { DigestSession } from '../fixtures/digest-session.js'
import type { Sent } from '../fixtures/digest-session.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'

// A user of Digest may be called by name or by a hash of it, one for each algorithm. Each was a user of its own for the limits
// of guessing. What does not show its secret counts as the twentieth part of a guess.

const WAYS: Array<Pick<Sent, 'algorithms'>> = [{ algorithms: ['SHA-256'] }, { algorithms: ['SHA-256'] }, { algorithms: ['MD5'] }, { algorithms: ['MD5'] }]

for (const form of FORMS) {
  t.test(`${form}: guesses for one user by name and by its hashes: one count (F-67)`, async t => {
    const strategy = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret', bob: 'bob-secret' }), algorithms: ['SHA-256', 'MD5'] })
    const around = await surroundings(t, { strategies: [strategy], attempts: { perUser: 1 } })
    const session = await DigestSession.start(t, around, form)
    const send = async (n: number, password: string, username = 'alice'): Promise<number> =>
      (await session.send('/', { qop: 'auth', username, password, ...WAYS[n % WAYS.length] })).status
    const statuses: number[] = []
    for (let n = 0; n < 20; n++) statuses.push(await send(n, `wrong ${n}`))
    t.same(statuses, Array(20).fill(407))
    for (const n of WAYS.keys()) t.equal(await send(n, 'alice-secret'), 429)
    t.equal(await send(1, 'bob-secret', 'bob'), 200)
  })

  t.test(`${form}: by a hash that was not seen before, when the count is full (F-67)`, async t => {
    const strategy = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), algorithms: ['SHA-256', 'MD5'] })
    const around = await surroundings(t, { strategies: [strategy], attempts: { perUser: 1 } })
    const session = await DigestSession.start(t, around, form)
    const send = async (n: number, password: string): Promise<number> => (await session.send('/', { qop: 'auth', password, ...WAYS[n] })).status
    for (let n = 0; n < 20; n++) t.equal(await send(0, `wrong ${n}`), 407)
    t.equal(await send(1, 'alice-secret'), 429, 'right')
    t.equal(await send(3, 'wrong'), 429, 'wrong')
    t.equal(await send(3, 'alice-secret'), 429)
  })
}

for (const form of FORMS) {
  t.test(`${form}: guesses for one user in every spelling of the name: one count (F-67)`, async t => {
    const name = 'j\u00e4n\\s'
    const strategy = new DigestStrategy({ lookup: lookupStatic({ [name]: 'secret', bob: 'bob-secret' }).lookup })
    const around = await surroundings(t, { strategies: [strategy], attempts: { perUser: 1 } })
    const session = await DigestSession.start(t, around, form)
    // As UTF-8 in the quoted string, in username*, and percent-encoded, as newer curl does; a backslash may be before any char.
    const spellings = [
      'username="j\u00c3\u00a4n\\\\s"', 'username="\\j\u00c3\u00a4\\n\\\\\\s"', "username*=UTF-8''j%C3%A4n%5Cs", "username*=utf-8'de'%6a%c3%a4n%5cs",
      'username="j%C3%A4n\\\\s"', 'username="j%c3%a4\\n\\\\s"'
    ]
    const send = async (n: number, password: string, as?: string): Promise<number> => {
      const credentials = session.sign('/', { qop: 'auth', username: as ?? name, password })
      const spelt = as === undefined ? credentials.replace(/username\*?=(?:"(?:[^"\\]|\\.)*"|[^,]*)/, () => spellings[n % spellings.length]!) : credentials
      const client = await RawClient.to(t, around.port)
      client.socket.write(message(form, around.origin.authority, [`Proxy-Authorization: ${spelt}`]), 'latin1')
      const head = await client.until(text => text.includes('\r\n\r\n'))
      client.socket.destroy()
      return Number(head.slice(9, 12))
    }
    const statuses: number[] = []
    for (let n = 0; n < 20; n++) statuses.push(await send(n, `wrong ${n}`))
    t.same(statuses, Array(20).fill(407))
    for (const [n, spelling] of spellings.entries()) t.equal(await send(n, 'secret'), 429, spelling)
    t.equal(await send(0, 'bob-secret', 'bob'), 200)
  })
}
