import t from 'tap'
import { usualName } from '../../lib/store/usual-name.js'

t.test('case, width, composition and spaces around it: one name', async t => {
  for (const name of ['J\u00f6rg', 'JO\u0308RG', ' j\u00f6rg ', '\uff2a\u00f6rg']) t.equal(usualName(name), 'j\u00f6rg')
})

t.test('other letters: another name', async t => {
  t.not(usualName('jorg'), usualName('j\u00f6rg'))
})
