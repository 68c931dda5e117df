import t from 'tap'
import fc from 'fast-check'
import { Credentials, parseCredentials } from '../../lib/fields/credentials.js'
import { readUserPass } from '../../lib/schemes/basic.js'
import { basic } from '../fixtures/attempt.js'
import { vectors } from '../fixtures/vectors.js'

interface Row {
  id: string
  token68: string
  source: string
  expected: { user?: string, password?: string, charset?: string, error?: string }
}

const MALFORMED = { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS', statusCode: 400 }

t.test('the vectors: name and password are read, or the credentials are malformed (R-BASIC-4, R-BASIC-5, R-BASIC-6, R-BASIC-7, R-BASIC-8, R-BASIC-9)', async t => {
  for (const { id, token68, source, expected } of vectors<Row>('basic')) {
    t.test(`${id}: ${source}`, async t => {
      const read = (latin1Fallback: boolean) => () => {
        // Not by the parser: some are not even token68, and the scheme refuses them itself.
        return readUserPass(new Credentials({ scheme: 'Basic', token68 }), { latin1Fallback })
      }
      if (expected.error !== undefined) {
        t.throws(read(true), MALFORMED)
        return
      }
      t.same(read(true)(), { username: expected.user?.normalize('NFC'), password: expected.password })
      if (expected.charset === undefined) t.same(read(false)(), read(true)())
      else t.throws(read(false), MALFORMED, 'only by option')
    })
  }
})

t.test('a name of any chars but colons and controls, a password of any but controls: they are read (R-BASIC-5, R-BASIC-8)', async t => {
  const text = fc.string({ unit: 'grapheme' }).map((value) => value.replace(/\p{Cc}/gu, '').normalize('NFC'))
  fc.assert(fc.property(text.map((value) => value.replaceAll(':', '')), text, (username, password) => {
    // Two texts in form C are not always one when put together; the colon keeps these apart.
    t.same(readUserPass(parseCredentials(basic(username, password))), { username, password })
  }))
})

t.test('no credentials, or those of another scheme: nothing is read, and nothing is malformed (R-CRED-2)', async t => {
  t.equal(readUserPass(parseCredentials('Basic')), undefined)
  t.equal(readUserPass(parseCredentials('Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==')), undefined)
})

t.test('the scheme in any case: it matches (R-PARSE-5)', async t => {
  t.same(readUserPass(parseCredentials('bASIC dTpw')), { username: 'u', password: 'p' })
})

t.test('parameters, wrong padding or half a char: they are malformed (R-BASIC-4, R-BASIC-7)', async t => {
  for (const data of ['realm="x"', 'dTpw=', 'd=', 'dTpwd', 'dTpwdTp==', 'dTpw====', 'dTpwY===', 'dTo_']) {
    t.throws(() => readUserPass(parseCredentials(`Basic ${data}`)), MALFORMED, data)
  }
  t.throws(() => readUserPass(parseCredentials('Basic dTr/')), MALFORMED, 'not UTF-8')
})

t.test('C1 controls and what looks like a colon: they are ordinary chars (R-BASIC-6)', async t => {
  const pair = { username: 'a\u0085\uff1ab', password: '\u2028' }
  t.same(readUserPass(parseCredentials(basic(pair.username, pair.password))), pair)
})

t.test('malformed credentials: the error says nothing of them (R-SEC-1)', async t => {
  try {
    readUserPass(parseCredentials(basic('alice\n', 'alice-secret')))
    t.fail('it must throw')
  } catch (error) {
    t.notMatch((error as Error).message, /alice/)
  }
})
