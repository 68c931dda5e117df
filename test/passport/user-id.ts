import t from 'tap'
import { readUserId } from '../../lib/passport/user-id.js'
import { basic } from '../fixtures/attempt.js'

t.test('the strategy says it, or the credentials do', async t => {
  t.equal(readUserId({ userId: 'alice' }, 'Basic', basic('bob', 'x')), 'alice')
  t.equal(readUserId({ userId: 7 }, 'Basic', basic('bob', 'x')), 'bob')
  t.equal(readUserId('text', 'Digest', 'Digest username="bob", realm="gw"'), 'bob')
  t.equal(readUserId({}, 'Digest', "Digest username*=UTF-8''J%C3%A4s%C3%B8n"), 'Jäsøn')
  t.equal(readUserId({}, 'Digest', 'Digest username="J\u00c3\u00a4s"'), 'Jäs')
})

t.test('where neither says it, there is none', async t => {
  t.equal(readUserId({}, 'Bearer', 'Bearer x'), null)
  t.equal(readUserId({}, null, undefined), null)
  t.equal(readUserId({}, 'Basic', 'Basic'), null)
  t.equal(readUserId({}, 'Digest', 'Digest realm="gw"'), null)
  t.equal(readUserId({}, 'Digest', 'Digest abc'), null)
})

t.test('what a foreign strategy accepts and we cannot read has none, and is no error', async t => {
  t.equal(readUserId({}, 'Basic', 'Basic !'), null)
  t.equal(readUserId({}, 'Digest', 'Digest "'), null)
})
