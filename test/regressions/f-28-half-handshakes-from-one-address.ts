import { connect } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy, lookupStatic } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { RawClient } from '../fixtures/raw-client.js'

// Between two legs of a handshake the server keeps its state, and the room for that is everybody's. A client that begins
// handshakes and ends none may take a share of it.

const { lookup } = lookupStatic({ alice: 'alice-secret' })
const FIRST = negotiate()

const from = async (t: Test, port: number, localAddress: string): Promise<RawClient> =>
  await RawClient.over(t, connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true }), 'connect')

for (const form of FORMS) {
  t.test(`${form}: half handshakes from one address: a share of the room, others are served (F-28)`, async t => {
    const { port, origin } = await surroundings(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: { maxHandshakes: 40 } })
    const leg = (token: string): string => message(form, origin.authority, [`Proxy-Authorization: NTLM ${token}`])
    for (let i = 0; i < 4; i++) t.match(await (await from(t, port, '127.0.0.1')).send(leg(FIRST)).answer(), /^HTTP\/1.1 407 /)
    t.match(await (await from(t, port, '127.0.0.1')).send(leg(FIRST)).answer(), /^HTTP\/1.1 503 [^]*\r\nretry-after: 5\r\n/i)
    const other = await from(t, port, '127.0.0.2')
    const [, challenge = ''] = /\r\nproxy-authenticate: NTLM (\S+)\r\n/i.exec(await other.send(leg(FIRST)).answer())!
    t.match(await other.send(leg(authenticate(challenge, FIRST))).answer(), /^HTTP\/1.1 200 /)
  })
}
