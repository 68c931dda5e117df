import t from 'tap'
import { reasonPhrase } from '../../lib/platform/reason-phrase.js'

t.test('a phrase with octets beyond ASCII: they come back as they were', async t => {
  const phrase = 'Не найдено'
  t.equal(Buffer.from(reasonPhrase(phrase)!, 'latin1').toString(), phrase)
  t.equal(reasonPhrase('Ça va'), 'Ã\x87a va')
})

t.test('a phrase that is ASCII, empty or missing: it is left alone', async t => {
  for (const phrase of ['Not Found', '', undefined]) t.equal(reasonPhrase(phrase), phrase)
})

t.test('a character whose low octet would end a line: it does not become that octet (R-SEC-5)', async t => {
  for (const phrase of ['a\u010d\u010ab', '\u010a', '\u200d\u200a']) t.notMatch(reasonPhrase(phrase), /[\r\n]/)
})

t.test('a phrase that cannot be sent: it is left to node', async t => {
  for (const phrase of ['a\ufffd', 'a\x01', 'a\r\nb', 'a\0']) t.equal(reasonPhrase(phrase), undefined)
})
