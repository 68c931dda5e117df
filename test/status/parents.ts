import t from 'tap'
import { readParents } from '../../lib/policy/parent/read-parents.js'
import { parentsOf } from '../../lib/status/parents.js'

t.test('parents of some lists: each is told of once, with how it is', async t => {
  const forward = readParents([{ url: 'http://a.test:3128', name: 'a' }, { url: 'http://b.test:3128', name: 'b' }, 'direct'], 'forward.parents')
  const route = readParents(['b', { url: 'http://c.test:3128', name: 'c' }], 'reverse[0].parents', forward)
  const works = { state: 'works', error: null, failingMs: null }
  t.strictSame(parentsOf([forward, undefined, route]), ['a', 'b', 'c'].map(parent => ({ parent, ...works })))
  const [, b] = forward.all
  forward.failed(b!, Object.assign(new Error('away'), { code: 'ECONNREFUSED' }))
  route.failed(route.all[1]!, new Error('away'))
  const [a, failing, c] = parentsOf([forward, undefined, route])
  t.strictSame(a, { parent: 'a', ...works })
  t.match(failing, { parent: 'b', state: 'fails', error: 'ECONNREFUSED', failingMs: Number })
  t.match(c, { parent: 'c', state: 'fails', error: null, failingMs: Number })
  forward.worked(b!)
  t.strictSame(parentsOf([forward])[1], { parent: 'b', ...works })
})

t.test('no parents: there is nothing to tell', async t => {
  t.strictSame(parentsOf([undefined, undefined]), [])
})
