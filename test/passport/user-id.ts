import t from 'tap'
import { meaningOf, readPresented, readUserId } from '../../lib/passport/user-id.js'
import { basic } from '../fixtures/attempt.js'

t.test('a user id in the credentials: it is found', async t => {
  t.equal(readUserId('Basic', basic('bob', 'x')), 'bob')
  t.equal(readUserId('Digest', 'Digest username="bob", realm="gw"'), 'bob')
  t.equal(readUserId('Digest', "Digest username*=UTF-8''J%C3%A4s%C3%B8n"), 'Jäsøn')
  t.equal(readUserId('Digest', 'Digest username="J\u00c3\u00a4s"'), 'Jäs')
})

t.test('credentials without a user id, or none: there is none', async t => {
  t.equal(readUserId('Bearer', 'Bearer x'), null)
  t.equal(readUserId(null, undefined), null)
  t.equal(readUserId('Basic', 'Basic'), null)
  t.equal(readUserId('Digest', 'Digest realm="gw"'), null)
  t.equal(readUserId('Digest', 'Digest abc'), null)
})

t.test('Basic that only a lenient reader can read: the user is the one it finds (F-62)', async t => {
  for (const credentials of ['Basic YWxp.Y2U6eA==', 'Basic YWxp~Y2U6eA', 'Basic  YWxpY2U6eA=', 'Basic YWxpY2U6eA== x']) {
    t.equal(readUserId('Basic', credentials), 'alice', credentials)
  }
  t.equal(readUserId('Basic', 'Basic YWxpY2U.'), null)
  t.equal(readUserId('Basic', 'Basic,'), null, 'nothing behind the scheme')
})

t.test('credentials that do not follow the grammar of their scheme: they are refused (F-62)', async t => {
  const rows = [
    ['Basic', 'Basic YWxp.Y2U6eA=='], ['Basic', 'Basic a="b"'], ['Basic', 'Basic YWxpY2U='], ['Digest', 'Digest username="alice", username*=UTF-8\'\'bob'],
    ['Digest', 'Digest "'], ['Bearer', 'Bearer a b']
  ] as const
  for (const [scheme, credentials] of rows) t.throws(() => readPresented(scheme, credentials), { name: 'FastifyError' }, credentials)
  t.equal(readPresented('Basic', basic('alice', 'x')), 'alice')
  t.equal(readPresented('Basic', 'Basic'), null)
  t.equal(readPresented('Digest', 'Digest username="bob"'), 'bob')
  t.equal(readPresented('Digest', 'Digest realm="gw"'), null)
  t.equal(readPresented('Bearer', 'Bearer x'), null)
})

t.test('unreadable credentials that a foreign strategy accepts: there is no user id, and no error', async t => {
  t.equal(readUserId('Basic', 'Basic !'), null)
  t.equal(readUserId('Digest', 'Digest "'), null)
})

t.test('texts that mean the same secret: are written in one way, others are not', async t => {
  const meaning = meaningOf(basic('J\u00e4s', 'x'), 'basic')
  for (const same of [basic('Ja\u0308s', 'x'), basic('J\u00e4s', 'x').replace('Basic', 'BASIC  ')]) t.equal(meaningOf(same, 'basic'), meaning)
  t.not(meaningOf(basic('J\u00e4s', 'y'), 'basic'), meaning)
  t.equal(meaningOf('Basic !', 'basic'), 'basic !', 'what does not follow the grammar is taken as it is')
  t.equal(meaningOf('BEARER  aB ', 'bearer'), 'bearer aB')
})
