import { createHash } from 'node:crypto'
import t from 'tap'
import { hashOfContent } from '../../lib/strategies/content-hash.js'

const nothing = createHash('sha256').digest('hex')
const of = (request: object) => hashOfContent({ headers: {}, ...request }, 'sha256')

t.test('content that has been hashed already: its hash counts', async t => {
  t.equal(of({ contentHash: { sha256: 'abc' }, method: 'POST' }), 'abc')
  t.equal(of({ contentHash: { md5: 'abc' }, method: 'POST', headers: { 'content-length': '1' } }), null)
})

t.test('a request that certainly has no content: the hash is that of nothing', async t => {
  t.equal(of({ method: 'CONNECT' }), nothing)
  t.equal(of({ method: 'POST', headers: { 'content-length': '0' } }), nothing)
  t.equal(of({ method: 'GET', httpVersion: '1.1' }), nothing)
})

t.test('content that may be there and has not been hashed: no hash is known', async t => {
  t.equal(of({ method: 'GET', httpVersion: '2.0' }), null)
  t.equal(of({ method: 'POST', httpVersion: '1.1', headers: { 'transfer-encoding': 'chunked' } }), null)
  t.equal(of({ method: 'POST', httpVersion: '1.1', headers: { 'content-length': '5' } }), null)
})
