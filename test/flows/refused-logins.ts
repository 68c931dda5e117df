import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { lookupStatic } from '../../lib/users/static.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { ALICE, basic } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const basicOf = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`
const refusals = ({ log }: Surroundings) => log.flatMap(({ level, refusal }) => refusal === undefined ? [] : [{ level, ...refusal as object }])

async function ask (t: Test, { port, origin }: Surroundings, form: Form, credentials?: string): Promise<number> {
  const client = await RawClient.to(t, port)
  const fields = credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]
  const { status } = readAnswer(await client.send(message(form, origin.authority, fields)).until(text => text.includes('\r\n\r\n')))
  client.socket.destroy()
  return status
}

for (const form of FORMS) {
  t.test(`${form}: a failed login is a line of the log, with no secret in it (R-DIG-43, R-SEC-1)`, async t => {
    const around = await surroundings(t, { level: 'trace', strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret' })), basic()] })
    const method = form === 'CONNECT' ? 'CONNECT' : 'GET'
    const line = { level: 30, user: null, scheme: 'Basic', method, status: 407, reason: 'rejected', address: '127.0.0.1' }
    t.equal(await ask(t, around, form, basicOf('alice:first-guess')), 407)
    t.equal(await ask(t, around, form, ALICE), 200)
    t.equal(await ask(t, around, form, basicOf('alice:second-guess')), 407)
    t.equal(await ask(t, around, form, basicOf('typed-password:')), 407)
    t.equal(await ask(t, around, form, 'Basic !'), 400)
    t.equal(await ask(t, around, form, 'Bearer some-token'), 407)
    t.same(refusals(around), [
      line, { ...line, user: 'alice' }, line, { ...line, status: 400, reason: 'malformed' }, { ...line, scheme: null, reason: 'not offered' }
    ])

    const session = await DigestSession.start(t, around, form)
    const before = refusals(around).length
    const digest = { ...line, scheme: 'Digest' }
    t.equal((await session.send('/', { password: 'third-guess', qop: 'auth' })).status, 407)
    t.equal((await session.send('/', { username: 'typed-password', qop: 'auth' })).status, 407)
    const replayed = session.sign('/', { qop: 'auth' })
    t.equal(await ask(t, around, form, replayed), 200)
    t.equal(await ask(t, around, form, replayed), 407)
    t.same(refusals(around).slice(before), [
      { ...digest, user: 'alice', reason: 'response' }, { ...digest, reason: 'user' }, { ...digest, user: 'alice', reason: 'nc' }
    ])
    t.match(refusals(around)[before - 1], { level: 20, reason: 'missing' }, 'who has yet to be asked is told at debug')

    const text = JSON.stringify(around.log)
    for (const secret of ['guess', 'typed-password', 'some-token', 'alice-secret', ALICE.slice(6), replayed]) t.notOk(text.includes(secret), secret)
  })
}
