import t from 'tap'
import { tellableId } from '../../lib/platform/request-id.js'

const proxyAuth = { name: 'alice' } as never

t.test('an id in printable ASCII: a user who has authenticated is told', async t => {
  for (const id of ['req-1', '"<b>"\\', 'x'.repeat(100)]) t.equal(tellableId({ id, proxyAuth }), id)
})

t.test('an id that a field or a page would carry badly: it is not told', async t => {
  for (const id of ['', 'x'.repeat(101), 'a\r\nb', 'caf\u00e9', 7, undefined]) t.equal(tellableId({ id: id as string, proxyAuth }), undefined)
})

t.test('a client that has not authenticated: it is told no id', async t => {
  for (const nobody of [null, undefined]) t.equal(tellableId({ id: 'req-1', proxyAuth: nobody as null }), undefined)
})
