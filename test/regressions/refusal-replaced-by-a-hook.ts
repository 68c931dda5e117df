// The gate said the length of a refusal before the application's hooks saw it. Where one of them put a stream in its place, as one may
// that has been given a string, the length was that of what the stream replaced, on a connection that stayed: the client took the
// next response for the rest of it. Where one announced trailers, there was a length beside the chunks.

import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import t from 'tap'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { ALICE } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'

const HOOKS: Record<string, (app: FastifyInstance) => unknown> = {
  'by a stream': (app) => app.addHook('onSend', async () => Readable.from(['sh', 'ort'])),
  'by a longer stream': (app) => app.addHook('onSend', async () => Readable.from(['x'.repeat(300)])),
  'by a web stream': (app) => app.addHook('onSend', async () => new Blob(['short']).stream()),
  'by a Response': (app) => app.addHook('onSend', async () => new Response('short', { status: 407 })),
  'by octets': (app) => app.addHook('onSend', async () => Buffer.from('short')),
  'by text': (app) => app.addHook('onSend', async () => 'sh\xf6rt'),
  'by nothing': (app) => app.addHook('onSend', async () => null),
  'by what has trailers': (app) => app.addHook('onRequest', async (_request, reply: FastifyReply) => { reply.trailer('x-t', (_reply, _payload, done) => done(null, 'v')) })
}

/** Takes one response off a text by its own framing; its content must be there. */
function takeOne (text: string): { status: number, fields: string, rest: string } {
  const end = text.indexOf('\r\n\r\n') + 4
  const fields = text.slice(0, end).toLowerCase()
  const length = /\r\ncontent-length: (\d+)\r\n/.exec(fields)?.[1]
  let at = end + Number(length ?? 0)
  if (fields.includes('\r\ntransfer-encoding: chunked\r\n')) at = text.indexOf('\r\n\r\n', text.indexOf('\r\n0\r\n', end - 2)) + 4
  return { status: Number(text.slice(9, 12)), fields, rest: text.slice(at) }
}

for (const [how, before] of Object.entries(HOOKS)) {
  for (const method of ['GET', 'POST', 'HEAD', 'CONNECT']) {
    for (const form of FORMS.filter(form => (form === 'CONNECT') === (method === 'CONNECT'))) {
      t.test(`a refusal replaced ${how}, ${method} in ${form}: its framing is that of its content, and the next response follows it`, async t => {
        const { port, origin } = await surroundings(t, { before })
        const client = await RawClient.to(t, port)
        const body = method === 'POST' ? 'abc' : ''
        client.send(message(form, origin.authority, body === '' ? [] : ['Content-Length: 3'], { method, body }))
        // A connection given back takes what is for a proxy alone.
        const next = method === 'CONNECT' ? 'absolute-form' : 'origin-form'
        if (method === 'CONNECT') await client.until(text => text.includes('\r\n\r\n'))
        const text = await client.send(message(next, origin.authority, [`Proxy-Authorization: ${ALICE}`, 'Connection: close'])).end()
        const { status, fields, rest } = method === 'HEAD'
          ? { ...takeOne(text), rest: text.slice(text.indexOf('\r\n\r\n') + 4) }
          : takeOne(text)
        t.equal(status, 407)
        t.notOk(fields.includes('content-length') && fields.includes('transfer-encoding'), fields)
        t.match(rest, /^HTTP\/1\.1 200 [^]*origin/)
      })
    }
  }
}
