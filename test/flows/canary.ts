import t from 'tap'
import { BearerStrategy, BasicStrategy, verifyStatic } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { RawClient } from '../fixtures/raw-client.js'

const SECRET = 'CanarySecret'
const PAIR = `alice:${SECRET}`
const BASE64 = Buffer.from(PAIR).toString('base64')
/** What must be nowhere: the secret, and the forms it travels in. */
const TRACES = [SECRET, BASE64.replace(/=+$/, ''), Buffer.from(SECRET).toString('hex'), encodeURIComponent(PAIR)]

const strategies = [
  new BasicStrategy({ verify: verifyStatic({ alice: SECRET }) }),
  new BearerStrategy({ verify: token => token === SECRET ? { username: 'bearer' } : { error: 'invalid_token', description: 'not one of ours' } }),
  { strategy: foreign('broken', function () { this.error(new Error('down')) }), scheme: 'Broken' },
  { strategy: foreign('silent', function () {}), scheme: 'Silent' },
  { strategy: foreign('nameless', function () { this.success({ password: SECRET }) }), scheme: 'Nameless' },
  { strategy: foreign('key', function ({ headers }) { headers['x-key'] === SECRET ? this.success('key') : this.fail() }), scheme: null, reads: ['x-key'] }
]

const say = (credentials: string) => [`Proxy-Authorization: ${credentials}`]
const CREDENTIALS: Array<[name: string, fields: string[]]> = [
  ['right', say(`Basic ${BASE64}`)],
  ['right, with what follows unreadable', [...say(`Basic ${BASE64}`), 'X\x01: y']],
  ['wrong', say(`Basic ${Buffer.from(`bob:${SECRET}`).toString('base64')}`)],
  ['the password for the user', say(`Basic ${Buffer.from(`${SECRET}:x`).toString('base64')}`)],
  ['no colon', say(`Basic ${Buffer.from(SECRET).toString('base64')}`)],
  ['no base64', say(`Basic ${PAIR}`)],
  ['no scheme', say(SECRET)],
  ['not even a token', say(`"${SECRET}"`)],
  ['a scheme of nobody', say(`Newauth ${SECRET}`)],
  ['parameters', say(`Basic password="${SECRET}"`)],
  ['twice', [...say(`Basic ${BASE64}`), ...say(`Basic ${BASE64}`)]],
  ['in another case', [`PROXY-AUTHORIZATION: bASIC ${BASE64}`]],
  ['a right token', say(`Bearer ${SECRET}`)],
  ['a wrong token', say(`Bearer not-${SECRET}`)],
  ['two tokens', say(`Bearer ${SECRET}, Bearer ${SECRET}`)],
  ['a strategy that fails', say(`Broken ${SECRET}`)],
  ['a strategy that is silent', say(`Silent ${SECRET}`)],
  ['a strategy that names nobody', say(`Nameless ${SECRET}`)],
  ['a right key', [`X-Key: ${SECRET}`]],
  ['a wrong key', [`X-Key: not-${SECRET}`]]
]

/** The log with the octets in it made readable: an error of node's parser has the packet. */
function readable (log: unknown): string {
  return JSON.stringify(log, (_key, value) => value?.type === 'Buffer' && Array.isArray(value.data) ? Buffer.from(value.data).toString('latin1') : value)
}

for (const form of FORMS) {
  t.test(form, async t => {
    const around = await surroundings(t, { strategies, level: 'trace', strategyTimeout: 20 })
    for (const [name, fields] of CREDENTIALS) {
      t.test(`${name}: no trace of it (R-SEC-1, R-PROB-4, S9, S15)`, async t => {
        const from = around.log.length
        const client = await RawClient.to(t, around.port)
        client.send(message(form, around.origin.authority, fields))
        await client.until(text => text.includes('\r\n\r\n'))
        client.socket.end()
        await client.end()
        t.match(client.text, /^HTTP\/1\.1 \d{3} /)
        const log = readable(around.log.slice(from))
        for (const trace of TRACES) {
          t.notMatch(client.text, trace, 'in the answer')
          t.notMatch(log, trace, 'in the log')
        }
      })
    }

    t.test('nothing of it has reached the origin (R-CHAIN-1, R-CHAIN-3)', async t => {
      const seen = around.origin.seen.map(({ rawHeaders, url, body }) => [url, String(body), ...rawHeaders].join('\n')).join('\n')
      for (const trace of [...TRACES, 'roxy-']) t.notMatch(seen, trace)
    })
  })
}

t.test('userinfo in the target: it is refused, and nothing of it shows in the response or the log (R-TGT-8)', async t => {
  const around = await surroundings(t, { strategies, level: 'trace' })
  for (const line of [`GET http://${PAIR}@${around.origin.authority}/`, `CONNECT ${PAIR}@${around.origin.authority}`, `GET http://${PAIR}@/`]) {
    const client = await RawClient.to(t, around.port)
    const answer = await client.send(`${line} HTTP/1.1\r\nHost: ${around.origin.authority}\r\n\r\n`).end()
    t.match(answer, /^HTTP\/1\.1 400 /)
    for (const trace of TRACES) t.notMatch(answer + readable(around.log), trace)
  }
})
