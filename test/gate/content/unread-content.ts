import { PassThrough } from 'node:stream'
import type { Readable } from 'node:stream'
import { mock } from 'node:test'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { isToBeReadAway, drainBeforeEnd, mustClose, readAway } from '../../../lib/gate/content/unread-content.js'

interface Row { name: string, request: Partial<IncomingMessage>, closes: boolean }
const request = (headers: IncomingMessage['headers'], rest: Partial<IncomingMessage> = {}) =>
  ({ method: 'POST', httpVersionMajor: 1, httpVersionMinor: 1, complete: false, headers, ...rest })

const rows: Row[] = [
  { name: 'no content', request: request({}), closes: false },
  { name: 'an empty body', request: request({ 'content-length': '0', expect: '100-continue' }), closes: false },
  { name: 'a small body', request: request({ 'content-length': '65536' }), closes: false },
  { name: 'a larger body', request: request({ 'content-length': '65537' }), closes: true },
  { name: 'a body of unknown length', request: request({ 'transfer-encoding': 'chunked' }), closes: true },
  { name: 'a large body that is there already', request: request({ 'content-length': '65537' }, { complete: true }), closes: false },
  { name: 'a client that waits for a 100 (R-EXP-4)', request: request({ 'content-length': '1', expect: '100-continue' }), closes: true },
  { name: 'HTTP/1.0, even if it asks to keep it (R-CONN-4)', request: request({ connection: 'keep-alive' }, { httpVersionMinor: 0 }), closes: true },
  { name: 'HTTP/2, whose connection is not ours to close (R-H2-5)', request: request({ 'content-length': '65537' }, { httpVersionMajor: 2, httpVersionMinor: 0 }), closes: false },
  { name: 'CONNECT, whose content is refused before', request: request({ 'content-length': '65537' }, { method: 'CONNECT' }), closes: false }
]
for (const { name, request, closes } of rows) {
  t.test(`${name}: ${closes ? 'close' : 'keep'}`, async t => {
    t.equal(mustClose(request as IncomingMessage), closes)
  })
}

/** A body that lingers, the upload it lingers for, and what has become of the body. Time stands still. */
function linger (t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const upload = new PassThrough({ autoDestroy: false }) // as node's requests are
  const body = drainBeforeEnd(upload as unknown as IncomingMessage, 'refused')
  const seen = { text: '', ended: false }
  body.on('data', chunk => { seen.text += String(chunk) })
  body.on('end', () => { seen.ended = true })
  return { upload, body, seen, end: ended(body) }
}
const ended = (body: Readable) => new Promise(resolve => body.once('end', resolve))
const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('the body of a refusal: it is there at once, and ends when the client has sent all', async t => {
  const { upload, seen, end } = linger(t)
  upload.write('content')
  await turn()
  t.same(seen, { text: 'refused', ended: false })
  upload.end()
  await end
  t.same(seen, { text: 'refused', ended: true })
})

t.test('a client that goes away: the body of the refusal ends', async t => {
  const { upload, seen, end } = linger(t)
  upload.destroy()
  await end
  t.equal(seen.text, 'refused')
})

t.test('an upload of more than 16 MiB: the body of the refusal ends without the rest (R-407-8)', async t => {
  const { upload, seen, end } = linger(t)
  const mebibyte = Buffer.alloc(1024 * 1024)
  for (let sent = 0; sent < 16; sent++) {
    upload.write(mebibyte)
    await turn()
  }
  t.notOk(seen.ended)
  upload.write('one more')
  await end
})

t.test('content between two legs of a handshake: up to 16 MiB that are sure to come keep the connection', async t => {
  const closes = (headers: IncomingMessage['headers']) =>
    mustClose({ headers, method: 'POST', complete: false, httpVersionMajor: 1, httpVersionMinor: 1 } as IncomingMessage, true)
  t.strictSame([{ 'content-length': '16777216' }, { 'content-length': '16777217' }, { 'transfer-encoding': 'chunked' }, { 'content-length': '1', expect: '100-continue' }]
    .map(closes), [false, true, true, true])
})

t.test('an upload that takes 5 seconds: the body of the refusal ends', async t => {
  const { upload, seen, end } = linger(t)
  await turn()
  mock.timers.tick(4_999)
  await turn()
  t.notOk(seen.ended)
  mock.timers.tick(1)
  await end
  upload.end()
})

t.test('the body of a refusal that is given up: no timer is left', async t => {
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  const upload = new PassThrough({ autoDestroy: false }) // as node's requests are
  const body = drainBeforeEnd(upload as unknown as IncomingMessage, 'refused')
  t.equal(timers(), before + 1)
  body.destroy()
  await turn()
  t.equal(timers(), before)
  upload.end('late')
})

t.test('content of a leg: is read away where the client waits for a 100, up to 16 MiB (F-7)', async t => {
  const expect = '100-continue'
  for (const [headers, read] of [
    [{ 'content-length': '1', expect }, true], [{ 'content-length': '16777216', expect }, true], [{ 'content-length': '16777217', expect }, false],
    [{ 'transfer-encoding': 'chunked', expect }, true], [{ 'content-length': '0', expect }, false], [{ expect }, false],
    [{ 'content-length': '1' }, false], [{ 'transfer-encoding': 'chunked' }, false]
  ] as const) t.equal(isToBeReadAway(request(headers) as IncomingMessage), read, JSON.stringify(headers))
})

t.test('content that is read away: tells once whether it was all (F-7)', async t => {
  for (const [chunks, whole] of [[1, true], [17, false]] as const) {
    const upload = new PassThrough({ autoDestroy: false })
    const told: boolean[] = []
    readAway(upload as unknown as IncomingMessage, (all) => { told.push(all) })
    for (let i = 0; i < chunks; i++) upload.write(Buffer.alloc(1024 * 1024 + 1))
    upload.end()
    await new Promise(resolve => { upload.once('end', resolve); upload.resume() })
    t.strictSame(told, [whole])
    const late: boolean[] = []
    readAway(upload as unknown as IncomingMessage, (all) => { late.push(all) })
    t.strictSame(late, [true], 'what has been read before')
  }
})
