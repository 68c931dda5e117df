import { Script } from 'node:vm'
import t from 'tap'
import { MAIN } from '../../../lib/status/page/main.js'
import { statusDocument } from '../../../lib/status/page/document.js'

t.test('what it looks for on the page: it is there', async t => {
  t.doesNotThrow(() => new Script(MAIN))
  const { html } = statusDocument()
  const ids = [...MAIN.matchAll(/byId\('(\w+)'\)/g)].map(([, id]) => id!)
  t.ok(ids.length > 5)
  for (const id of ids) t.ok(html.includes(` id="${id}"`), id)
})
