import t from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { waysIn } from '../fixtures/ways-in.js'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const CONTENTS: Array<[name: string, framing: string, content: string, length: number]> = [
  ['a length', 'Content-Length: 5', 'hello', 5],
  ['a large one', 'Content-Length: 300000', 'x'.repeat(300_000), 300_000],
  ['chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n', 5]
]

function put (target: string, framing: string, credentials = `Proxy-Authorization: ${ALICE}\r\n`): string {
  return `PUT ${target} HTTP/1.1\r\nHost: a.test\r\n${credentials}Content-Type: text/plain\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`
}

for (const hook of ['preHandler', 'onRequest'] as const) {
  t.test(`content in one write with its expectation, ${hook}: 100, the response, the connection kept (F-52)`, async t => {
    const { port } = await origin(t, (_request, response, body) => { response.end(`got ${body.length}`) })
    for (const way of await waysIn(t, { port, hook })) {
      if (way.raw === undefined) continue
      const client = await way.raw()
      for (const [name, framing, content, length] of CONTENTS) {
        client.send(put(way.target('/x'), framing) + content)
        const text = await client.until(text => text.includes(`got ${length}`))
        t.ok(text.startsWith(CONTINUE), `${way.name}, ${name}`)
        t.match(text.slice(CONTINUE.length), /^HTTP\/1\.1 200 [^]*\r\nconnection: keep-alive\r\n/i)
        t.equal(text.split(CONTINUE).length, 2)
        await client.until(text => text.endsWith('\r\n0\r\n\r\n') || text.endsWith(String(length)))
        client.text = ''
      }
    }
  })
}

t.test('a route of the application\'s own: as Fastify alone (F-52)', async t => {
  const { port } = await gateway(t, { before: app => app.put('/own', { bodyLimit: 1e6 }, async request => `got ${String(request.body).length}`) })
  const client = await RawClient.to(t, port)
  for (const [name, framing, content, length] of CONTENTS) {
    const text = await client.send(put('/own', framing) + content).until(text => text.endsWith(`got ${length}`))
    t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 [^]*\r\nconnection: keep-alive\r\n/i, name)
    client.text = ''
  }
})

t.test('content that comes before a slow verdict: a refusal has no 100 before it (R-EXP-1, F-52)', async t => {
  const { port, seen } = await origin(t)
  let decide = () => {}
  let asked = () => {}
  const verify = async () => await new Promise<null>(resolve => {
    decide = () => resolve(null)
    asked()
  })
  const slow = new BasicStrategy({ verify })
  for (const way of await waysIn(t, { port, strategies: [slow] })) {
    if (way.raw === undefined) continue
    for (const [name, framing, content] of CONTENTS) {
      const client = await way.raw()
      const asking = new Promise<void>(resolve => { asked = resolve })
      client.send(put(way.target('/x'), framing) + content.slice(0, 3))
      await asking
      client.send(content.slice(3, 5))
      await new Promise(resolve => setImmediate(resolve))
      decide()
      t.match(await client.until(text => text.includes('\r\n\r\n')), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i, `${way.name}, ${name}`)
      client.socket.destroy()
    }
  }
  t.equal(seen.length, 0)
})
