import { once } from 'node:events'
import t from 'tap'
import { writeInterim } from '../../lib/platform/interim-response.js'
import { streamPair } from '../fixtures/stream-pair.js'

function written (httpVersion: string, headersSent = false): string {
  let text = ''
  const [httpVersionMajor, httpVersionMinor] = httpVersion.split('.').map(Number)
  const raw = { headersSent, _writeRaw (part: string, encoding: string) { text += `${encoding}|${part}` } }
  writeInterim({ raw, request: { raw: { httpVersionMajor, httpVersionMinor } } } as never, 103, 'Early Hints', ['Link', '</a>', 'Content-Length', '50', 'Trailer', 'X-T', 'Connection', 'X-Hop', 'X-Hop', '1', 'TRANSFER-ENCODING', 'chunked', 'X', 'é'], '1.1 gw')
  return text
}

t.test('an interim response: it goes on as it came, less what frames content or ends here (R-FWD-5, F-17)', async t => {
  t.equal(written('1.1'), 'latin1|HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX: é\r\nVia: 1.1 gw\r\n\r\n')
})

t.test('an interim response for HTTP/1.0: it is not sent (R-FWD-5)', async t => {
  t.equal(written('1.0'), '')
})

t.test('an interim response behind the final head: it is not sent', async t => {
  t.equal(written('1.1', true), '')
})

t.test('an interim response for a client that takes nothing: it is not sent', async t => {
  for (const [writableLength, count] of [[15, 1], [16, 0]] as const) {
    let written = 0
    const raw = { writableLength, writableHighWaterMark: 16, _writeRaw () { written++ } }
    writeInterim({ raw, request: { raw: { httpVersionMajor: 1, httpVersionMinor: 1 } } } as never, 103, undefined, [], '1.1 gw')
    t.equal(written, count)
  }
})

t.test('an interim response without a reason: it is sent without one', async t => {
  let text = ''
  writeInterim({ raw: { _writeRaw (part: string) { text += part } }, request: { raw: { httpVersionMajor: 1, httpVersionMinor: 1 } } } as never, 199, undefined, [], '1.1 gw')
  t.equal(text, 'HTTP/1.1 199 \r\nVia: 1.1 gw\r\n\r\n')
})

t.test('interim responses over HTTP/2: they have the shape of HTTP/2 (R-FWD-5)', async t => {
  const { request, response, far } = await streamPair(t)
  const seen: unknown[] = []
  far.on('headers', fields => seen.push(Object.entries(fields)))
  const write = (status: number, fields: string[]) => writeInterim({ raw: response, request: { raw: request } } as never, status, 'No Phrase', fields, '1.1 gw')
  write(103, ['Link', '</a>', 'link', '</b>'])
  write(101, [])
  write(103, ['Age', '1', 'Age', '2'])
  write(103, ['X-A', 'a\0']) // cannot be written
  write(199, ['X-A', '\xe9'])
  response.end()
  write(103, ['Link', '</c>'])
  await once(far.resume(), 'end')
  t.strictSame(seen, [[[':status', 103], ['link', '</a>, </b>'], ['via', '1.1 gw']], [[':status', 103], ['age', '1'], ['via', '1.1 gw']], [[':status', 199], ['x-a', '\xe9'], ['via', '1.1 gw']]])
})

t.test('many frames that wait for an HTTP/2 client: hints do not join them', async t => {
  const { request, response, far } = await streamPair(t)
  let seen = 0
  far.on('headers', () => { seen++ })
  for (let i = 0; i < 1000; i++) writeInterim({ raw: response, request: { raw: request } } as never, 103, '', ['x-a', String(i)], '1.1 gw')
  response.end()
  await once(far.resume(), 'end')
  t.ok(seen > 0 && seen < 100, `${seen} of 1000`)
})
