import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { Challenge } from '../../lib/fields/challenge.js'
import { answerDigestChallenge } from '../../lib/schemes/digest/client.js'
import type { DigestAnswer, DigestRequest } from '../../lib/schemes/digest/client.js'
import { message } from '../fixtures/forms.js'
import type { Form } from '../fixtures/forms.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'
import { squid, startSquid } from '../fixtures/squid.js'

t.test('Digest credentials of our client half: Squid accepts the right ones and refuses the wrong ones (R-DIG-22)', { skip: squid.skip }, async t => {
  const target = await origin(t)
  const account = { username: 'alice', password: 'alice-secret' }
  const port = await startSquid(t, 'lab', account)

  const ask = async (t: Test, form: Form, credentials?: string): Promise<Answer> => {
    const client = await RawClient.to(t, port)
    client.send(message(form, target.authority, credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`], { path: '/p?q=1' }))
    const answer = readAnswer(await client.until(text => text.includes('\r\n\r\n')))
    client.socket.destroy()
    return answer
  }
  const answerTo = (challenges: string | Challenge[], method: string, uri: string, nc: number, changed: Partial<DigestRequest> = {}): DigestAnswer =>
    answerDigestChallenge(challenges, { ...account, method, uri, nc, cnonce: randomUUID(), ...changed })!

  for (const [form, method, uris] of [
    ['absolute-form', 'GET', ['/p?q=1', `http://${target.authority}/p?q=1`]], ['CONNECT', 'CONNECT', [target.authority]]
  ] as Array<[Form, string, string[]]>) {
    for (const uri of uris) {
      t.test(`${form}, ${uri === uris[0] ? 'the way most clients sign it' : 'the absolute URI signed'}`, async t => {
        const { status, fields: { 'proxy-authenticate': challenge = '' } } = await ask(t, form)
        t.equal(status, 407)
        for (const nc of [1, 2, 3]) t.equal((await ask(t, form, answerTo(challenge, method, uri, nc).credentials)).status, 200)
      })

      t.test('what is wrong in one thing is refused', async t => {
        const { fields: { 'proxy-authenticate': challenge = '' } } = await ask(t, form)
        for (const changed of [{ password: 'wrong' }, { username: 'bob' }, { method: 'POST' }] as Array<Partial<DigestRequest>>) {
          t.equal((await ask(t, form, answerTo(challenge, method, uri, 1, changed).credentials)).status, 407)
        }
      })
    }
  }

  t.test('its nextnonce is followed, from a count of 1 (R-DIG-52)', async t => {
    let challenges: string | Challenge[] = (await ask(t, 'absolute-form')).fields['proxy-authenticate']!
    const nonces = new Set<string>()
    for (let use = 0; use < 9; use++) {
      const answer = answerTo(challenges, 'GET', '/p?q=1', use % 3 + 1)
      const { status, fields: { 'proxy-authentication-info': info = '' } } = await ask(t, 'absolute-form', answer.credentials)
      t.equal(status, 200)
      const { rspauth, next } = answer.verify(info)
      t.equal(rspauth, 'absent', 'it does not say who it is')
      t.equal(next === undefined, use % 3 < 2)
      nonces.add(answer.challenge.params!['nonce']!)
      if (next !== undefined) challenges = [next]
    }
    t.equal(nonces.size, 3)
  })
})
