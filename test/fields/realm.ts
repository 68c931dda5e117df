import t from 'tap'
import { isRealm, readRealm } from '../../lib/fields/realm.js'
import { refusesOption } from '../fixtures/bad-option.js'

t.test('printable ASCII: it is accepted as a realm', async t => {
  for (const realm of ['', 'Corporate Proxy', 'a, "b" \\ c', 'a\tb']) t.equal(readRealm(realm), realm)
})

t.test('anything else as a realm: the boot fails, naming the option (F-35)', async t => {
  for (const realm of ['Büro', 'canary\r\nSet-Cookie: x=1', 'a\0', '☃']) {
    t.notOk(isRealm(realm))
    refusesOption(t, () => readRealm(realm), 'realm', 'text with another char')
  }
  for (const [realm, got] of [[undefined, 'undefined'], [null, 'null'], [7, 'number'], [['canary'], 'object']] as const) refusesOption(t, () => readRealm(realm), 'realm', got)
})
