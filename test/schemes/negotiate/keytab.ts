import t from 'tap'
import { listKeytab } from '../../../lib/schemes/negotiate/keytab.js'
import { keytab, keytabEntry } from '../../fixtures/keytab.js'

const proxy = keytabEntry('TEST.LOCAL', 'HTTP', 'proxy.test')

t.test('a keytab: the principals of its keys are listed, each once, and holes are passed over', async t => {
  t.same(listKeytab(keytab()), [])
  t.same(listKeytab(keytab(proxy, 20, proxy, keytabEntry('OTHER', 'alice'), keytabEntry('R', 'a@b/c'))), [
    'HTTP/proxy.test@TEST.LOCAL', 'alice@OTHER', 'a\\@b\\/c@R'
  ])
  t.same(listKeytab(Buffer.concat([keytab(proxy), Buffer.alloc(4), Buffer.from('rest')])), ['HTTP/proxy.test@TEST.LOCAL'], 'a size of 0 ends it')
})

t.test('any other file: it is no keytab', async t => {
  const lie = Buffer.from(proxy)
  lie.writeUInt16BE(60_000, 2)
  const many = Buffer.from(proxy)
  many.writeUInt16BE(60_000, 0)
  const last = Buffer.from(proxy)
  last.writeUInt16BE(60_000, 20)
  for (const file of [Buffer.alloc(0), Buffer.from('no'), Buffer.from([5, 1, 0, 0]), keytab(proxy).subarray(0, -1), keytab(lie), keytab(many), keytab(last), keytab(Buffer.alloc(1))]) {
    t.throws(() => listKeytab(file), RangeError)
  }
})
