// A foreign Basic strategy decodes base64 as node does, which overlooks what is not of its alphabet. Our reader found no user in
// such credentials, so that no guess was counted for one.
import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'

const encoded = (pair: string): string => Buffer.from(pair).toString('base64')

/** Reads Basic as passport-http does, and lets nobody in. */
function lenient () {
  const seen: string[] = []
  const strategy = foreign('lenient', function ({ headers }) {
    const text = String(headers['authorization']).split(' ')[1] ?? ''
    seen.push(Buffer.from(text, 'base64').toString())
    this.fail('Basic realm="Gateway"')
  })
  return { seen, strategy }
}

t.test('malformed Basic for a foreign strategy: 400, and it is not asked (F-62)', async t => {
  const { seen, strategy } = lenient()
  const gate = await gateway(t, { strategies: [{ strategy, scheme: 'Basic' }], attempts: { perUser: 3 } })
  const text = encoded('alice:guess')
  const odd = ['.', '~', ' ', '-', '_', '='].map(char => `${text.slice(0, 4)}${char}${text.slice(4)}`)
  const forms = [
    (field: string) => connectHead('a.test:443', field),
    (field: string) => `GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n${field}\r\n\r\n`
  ]
  for (const form of forms) {
    for (const credentials of [...odd, `${text}=`, encoded('alice'), 'a="b"']) {
      const client = await RawClient.to(t, gate.port)
      t.match(await client.send(form(`Proxy-Authorization: Basic ${credentials}`)).answer(), /^HTTP\/1\.1 400 /, credentials)
    }
  }
  t.strictSame(seen, [])
})

t.test('a foreign strategy that takes Basic as it comes: guesses count for the user it finds (F-62)', async t => {
  const { seen, strategy } = lenient()
  const gate = await gateway(t, { strategies: [{ strategy, scheme: 'Basic', grammar: 'opaque' }], attempts: { perUser: 3 } })
  for (let i = 0; i < 12; i++) {
    const text = encoded(`alice:guess${i}`)
    const client = await RawClient.to(t, gate.port)
    await client.send(connectHead('a.test:443', `Proxy-Authorization: Basic ${text.slice(0, 4)}.${text.slice(4)}`)).answer()
  }
  t.strictSame(seen, ['alice:guess0', 'alice:guess1', 'alice:guess2'])
})
