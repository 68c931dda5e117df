import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { waysIn } from '../fixtures/ways-in.js'

const OFFER = `Host: a.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: Upgrade\r\n`
const FRAMED: Array<[name: string, field: string, content: string]> = [
  ['a length', 'Content-Length: 5', 'hello'],
  ['chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
  ['chunks and a trailer', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\nA: b\r\n\r\n'],
  ['a chunk of nothing', 'Transfer-Encoding: chunked', '0\r\n\r\n']
]

t.test('requests pipelined in the packet in which the content of an upgrade ends: each gets its response, in order (F-74)', async t => {
  const { port, seen } = await origin(t, (request, response, body) => {
    setImmediate(() => response.end(`${request.url} ${String(body)}`))
  })
  for (const way of await waysIn(t, { port })) {
    if (way.raw === undefined) continue
    for (const protocol of ['h2c', 'websocket']) {
      for (const [name, field, content] of FRAMED) {
        for (const cut of [0, 3, content.length]) {
          const client = await way.raw()
          const next = ['/2', '/3'].map(path => `GET ${way.target(path)} HTTP/1.1\r\nHost: a\r\nProxy-Authorization: ${ALICE}\r\n\r\n`).join('')
          client.send(`POST ${way.target('/1')} HTTP/1.1\r\n${OFFER}Upgrade: ${protocol}\r\n${field}\r\n\r\n${content.slice(0, cut)}`)
          if (cut > 0) await new Promise(resolve => setTimeout(resolve, 5)) // for another packet; it passes in one as well
          client.send(`${content.slice(cut)}${next}`)
          await client.until(text => text.includes('/3 '))
          const received = client.text.match(/\/\d (?:hello)?/g)
          t.strictSame(received, [name === 'a chunk of nothing' ? '/1 ' : '/1 hello', '/2 ', '/3 '], `${way.name}, ${protocol}, ${name}, ${cut}`)
          client.socket.destroy()
        }
      }
    }
  }
  t.not(seen.length, 0)
})

t.test('a route of the application\'s own, with and without an expectation: the next request gets its response (F-74)', async t => {
  const { port } = await gateway(t, {
    before: app => {
      app.post('/own', async request => `own ${String(request.body)}`)
      app.get('/next', async () => 'next')
    }
  })
  for (const expect of ['', 'Expect: 100-continue\r\n']) {
    const client = await RawClient.to(t, port)
    const next = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'
    client.send(`POST /own HTTP/1.1\r\n${OFFER}Upgrade: h2c\r\nContent-Type: text/plain\r\n${expect}Content-Length: 5\r\n\r\nhello${next}`)
    const text = await client.until(text => text.endsWith('next'))
    t.match(text, /own helloHTTP\/1\.1 200 /)
    client.text = ''
    t.match(await client.send(next).answer(), /next$/, 'and the connection is kept')
  }
})

t.test('a request refused with 407 before: what is pipelined behind its content is read as it is elsewhere (F-74)', async t => {
  const { url, seen } = await origin(t)
  const { port } = await gateway(t, { reverse: [{ prefix: '/api', upstream: url }] })
  for (const target of ['/api/x', `${url}/x`]) {
    const client = await RawClient.to(t, port)
    const offer = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n'
    client.send(`POST ${target} HTTP/1.1\r\n${offer}Content-Length: 5\r\n\r\nhelloGET ${target} HTTP/1.1\r\n${OFFER.replace('Upgrade', 'close')}\r\n`)
    t.match(await client.end(), /^HTTP\/1\.1 407 [\s\S]*\r\n\r\n[\s\S]*HTTP\/1\.1 200 [\s\S]*origin$/, target)
  }
  t.strictSame(seen.map(({ method }) => method), ['GET', 'GET'])
})

t.test('content that ends behind its response: the connection goes on (F-74)', async t => {
  const { port } = await gateway(t, { before: app => app.post('/own', (_request, reply) => { reply.hijack(); reply.raw.end('early') }) })
  const client = await RawClient.to(t, port)
  const text = `POST /own HTTP/1.1\r\n${OFFER}Upgrade: h2c\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello`
  for (let i = 0; i < 3; i++) t.match(await client.send(text).answer(), /^HTTP\/1\.1 200 /)
})
