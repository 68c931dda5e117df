import t from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'

// A password with fourteen times `é` has 16,384 spellings in Unicode, and base64 has several for each. What is remembered of
// right secrets is bounded; one user in all his spellings must not push out what is remembered of others.

const basicOf = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const spelling = (n: number): string => Array.from({ length: 14 }, (_, i) => (n >> i) % 2 === 0 ? '\u00e9' : 'e\u0301').join('')

for (const form of FORMS) {
  t.test(`${form}: spellings of one pair: one entry of the cache (F-64)`, async t => {
    let asked = 0
    const verify = ({ username }: { username: string }): { username: string } => {
      asked += 1
      return { username }
    }
    const { port, origin } = await surroundings(t, { strategies: [new BasicStrategy({ verify, cache: { max: 3 } })] })
    const ask = async (credentials: string): Promise<string> => {
      const client = await RawClient.to(t, port)
      const text = await client.send(message(form, origin.authority, [`Proxy-Authorization: ${credentials}`])).until(text => text.includes('\r\n\r\n'))
      client.socket.destroy()
      return text.slice(9, 12)
    }
    t.equal(await ask(basicOf('bob', 'bob-secret')), '200')
    for (let n = 0; n < 10; n++) t.equal(await ask(basicOf('alice', spelling(n))), '200')
    t.equal(await ask(basicOf('alice', spelling(0)).replace(/=+$/, '').replace('Basic', 'bASIC ')), '200')
    t.equal(asked, 2)
    t.equal(await ask(basicOf('bob', 'bob-secret')), '200')
    t.equal(asked, 2)
    t.equal(await ask('Basic ["bob","bob-secret"]'), '400', 'and no other text means it')
  })
}
