import { Readable } from 'node:stream'
import t from 'tap'
import { reverseContent } from '../../../lib/proxy/reverse/content.js'
import type { ContentOptions } from '../../../lib/proxy/reverse/content.js'

const JSON_ALONE = new Set(['application/json'])

interface Case { method?: string, headers?: Record<string, string>, body?: unknown, wasRead?: boolean, encodes?: ReadonlySet<string> }

function content (options: ContentOptions, { method = 'POST', headers = {}, body, wasRead = false, encodes = JSON_ALONE }: Case = {}) {
  const raw = Object.assign(Readable.from([Buffer.from('raw')]), { headers })
  Object.defineProperty(raw, 'readableDidRead', { value: wasRead })
  return reverseContent({ method, raw, body } as never, options, { bytesIn: 0 }, 0, encodes)
}

t.test('content in the options: it is sent with the fields that describe it', async t => {
  t.same(content({ body: { a: 1 } }), { body: Buffer.from('{"a":1}'), fields: ['Content-Length', '7', 'Content-Type', 'application/json'] })
  t.same(content({ body: 'ä', contentType: 'text/plain' }), { body: Buffer.from('ä'), fields: ['Content-Length', '2', 'Content-Type', 'text/plain'] })
  t.same(content({ body: null }), { body: null, fields: ['Content-Length', '0'] })
})

t.test('a stream, or content for a method that has none: an error', async t => {
  t.throws(() => content({ body: Readable.from([]) }), /a stream/)
  for (const method of ['GET', 'HEAD']) {
    t.throws(() => content({ body: 'x' }, { method }), /has no content/)
    t.same(content({ body: null }, { method }).body, null)
  }
})

t.test('content that Fastify has parsed: it is serialized anew', async t => {
  const parsed = { body: { a: 1 }, wasRead: true }
  t.same(content({}, { ...parsed, headers: { 'content-type': 'Application/JSON; charset=utf-8' } }), { body: Buffer.from('{"a":1}'), fields: ['Content-Length', '7', 'Content-Type', 'application/json'] })
  t.same(content({}, { ...parsed, headers: { 'content-type': 'a/b' }, encodes: new Set(['a/b']) }).body, Buffer.from('{"a":1}'))
  t.same(content({}, { body: 'text', wasRead: true }), { body: Buffer.from('text'), fields: ['Content-Length', '4', 'Content-Type', 'application/octet-stream'] })
  t.throws(() => content({}, { ...parsed, headers: { 'content-type': 'a/b' } }), TypeError)
})

t.test('content that was read: sent if it was kept as a stream, else none, and unread content is sent as it comes', async t => {
  t.same(content({}, { wasRead: true, body: false, headers: { 'content-length': '5' } }), { body: null })
  t.same(content({}), { body: null })
  const text = async (given: Case) => Buffer.concat(await Readable.from(content({}, given).body as AsyncIterable<Buffer>).toArray()).toString()
  t.equal(await text({ wasRead: true, body: Readable.from([Buffer.from('kept')]), headers: {} }), 'kept')
  t.equal(await text({ headers: { 'content-length': '3' } }), 'raw')
})
