import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { contentOf } from '../../../lib/proxy/message/request-content.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

/** A client that has sent `text`, and what the server made of its first request. */
async function request (t: Test, text: string): Promise<{ client: RawClient, incoming: IncomingMessage, response: ServerResponse }> {
  const server = createServer()
  const client = await RawClient.to(t, await listen(t, server))
  client.send(text)
  const [incoming, response] = await once(server, 'request') as [IncomingMessage, ServerResponse]
  return { client, incoming, response }
}
const head = (fields: string) => `POST / HTTP/1.1\r\nHost: a.test\r\n${fields}\r\n`

t.test('no content', async t => {
  for (const fields of ['', 'Content-Length: 0\r\n', 'Content-Length: 000\r\n']) {
    const { incoming } = await request(t, head(fields))
    t.equal(contentOf(incoming, { bytesIn: 0 }), null)
  }
})

for (const [name, fields, content] of [['a length', 'Content-Length: 3\r\n', 'abc'], ['chunks', 'Transfer-Encoding: chunked\r\n', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n']]) {
  t.test(`content with ${name} is counted as it passes`, async t => {
    const { incoming } = await request(t, head(fields!) + content!)
    const tally = { bytesIn: 0 }
    let text = ''
    for await (const chunk of contentOf(incoming, tally, 60_000)!) text += String(chunk)
    t.equal(text, 'abc')
    t.equal(tally.bytesIn, 3)
  })
}

t.test('a body that is a stream is the content, whatever the request says; another is not', async t => {
  const { incoming } = await request(t, `${head('Content-Length: 3\r\n')}abc`)
  for (const body of [Readable.from(['k', 'ept'].map(text => Buffer.from(text))), undefined, null, 'text', {}]) {
    const tally = { bytesIn: 0 }
    let text = ''
    for await (const chunk of contentOf(incoming, tally, 0, body)!) text += String(chunk)
    t.equal(text, body instanceof Readable ? 'kept' : body === undefined ? 'abc' : '')
    t.equal(tally.bytesIn, text.length)
  }
})

t.test('nothing is read before it is wanted, and what is left leaves the request alone', async t => {
  const { client, incoming, response } = await request(t, `${head('Content-Length: 6\r\nConnection: close\r\n')}abc`)
  const content = contentOf(incoming, { bytesIn: 0 })!
  t.equal(incoming.readableDidRead, false)
  const reader = content[Symbol.asyncIterator]()
  t.equal(String((await reader.next()).value), 'abc')
  await reader.return!()
  t.equal(incoming.destroyed, false)
  response.end('early')
  t.match(await client.answer(), /early$/)
})

t.test('a client that sends nothing more is cut', async t => {
  const { client, incoming } = await request(t, `${head('Content-Length: 6\r\n')}abc`)
  const got: string[] = []
  await t.rejects(async () => { for await (const chunk of contentOf(incoming, { bytesIn: 0 }, 20)!) got.push(String(chunk)) },
    { code: 'FST_PROXY_AUTH_CLIENT_LEFT' })
  t.strictSame(got, ['abc'])
  t.equal(await client.end(), '')
})

t.test('a target that takes its time is not the client\'s fault', async t => {
  const { client, incoming } = await request(t, `${head('Content-Length: 6\r\n')}abc`)
  const content = contentOf(incoming, { bytesIn: 0 }, 20)![Symbol.asyncIterator]()
  t.equal(String((await content.next()).value), 'abc')
  await new Promise(resolve => setTimeout(resolve, 60)) // three times its patience
  client.send('def')
  t.equal(String((await content.next()).value), 'def')
  t.equal((await content.next()).done, true)
})
