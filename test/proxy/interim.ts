import t from 'tap'
import { writeInterim } from '../../lib/proxy/interim.js'

function written (httpVersion: string, headersSent = false): string {
  let text = ''
  const [httpVersionMajor, httpVersionMinor] = httpVersion.split('.').map(Number)
  const raw = { headersSent, _writeRaw (part: string, encoding: string) { text += `${encoding}|${part}` } }
  writeInterim({ raw, request: { raw: { httpVersionMajor, httpVersionMinor } } } as never, 103, 'Early Hints', ['Link', '</a>', 'X', 'é'])
  return text
}

t.test('an interim answer goes on as it came (R-FWD-5)', async t => {
  t.equal(written('1.1'), 'latin1|HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: é\r\n\r\n')
})

t.test('HTTP/1.0 has none (R-FWD-5)', async t => {
  t.equal(written('1.0'), '')
})

t.test('nor HTTP/2 in this shape, nor anybody behind the final head', async t => {
  t.equal(written('2.0'), '')
  t.equal(written('1.1', true), '')
})

t.test('a reason may be missing', async t => {
  let text = ''
  writeInterim({ raw: { _writeRaw (part: string) { text += part } }, request: { raw: { httpVersionMajor: 1, httpVersionMinor: 1 } } } as never, 199, undefined, [])
  t.equal(text, 'HTTP/1.1 199 \r\n\r\n')
})
