import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { until } from '../fixtures/until.js'

// Node puts the head of a response that waits for others on its connection before all that was written for it. An interim response
// went into the content then, and as many octets of that became what a client takes for the next response.

const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond'

async function surroundings (t: Parameters<typeof gateway>[0], interim: string) {
  const waiting: Socket[] = []
  const responses: ServerResponse[] = []
  const { url, authority } = await rawOrigin(t, (socket, head) => {
    if (head.includes(' /first ')) waiting.push(socket)
    else socket.write(interim + FINAL)
  })
  const gate = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: url }],
    before: app => {
      app.get('/own', async () => 'second')
      app.server.on('request', (_request, response: ServerResponse) => { responses.push(response) })
    }
  })
  /** The response to the first request comes when all is there of the one to the second. */
  const finish = async (): Promise<void> => {
    await until(() => waiting.length === 1 && responses[1]?.writableEnded === true)
    waiting[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst')
  }
  const client = await RawClient.to(t, gate.port)
  return { client, finish, waiting, responses, forward: `http://${authority}`, reverse: '/api' }
}

const CREDENTIALS = `Host: a\r\nProxy-Authorization: ${ALICE}\r\n`

for (const form of ['forward', 'reverse'] as const) {
  t.test(`${form}: an interim response to a request behind another is not in the content of the final one`, async t => {
    const { client, finish, ...targets } = await surroundings(t, 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
    client.send(`GET ${targets[form]}/first HTTP/1.1\r\n${CREDENTIALS}\r\nGET ${targets[form]}/second HTTP/1.1\r\n${CREDENTIALS}\r\n`)
    await finish()
    t.match(await client.answer(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfirst$/)
    t.match(await client.answer(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nsecond$/)
    t.equal(client.text, '')
  })

  for (const to of [form, 'own'] as const) {
    t.test(`${form}, then ${to}: neither is a 100 Continue, which comes before it where it is still of use`, async t => {
      const { client, finish, ...targets } = await surroundings(t, '')
      const target = to === 'own' ? '/own' : `${targets[form]}/second`
      client.send(`GET ${targets[form]}/first HTTP/1.1\r\n${CREDENTIALS}\r\nGET ${target} HTTP/1.1\r\n${CREDENTIALS}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi`)
      await finish()
      t.match(await client.answer(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfirst$/)
      await client.until(text => text.includes('second'))
      t.match(client.text, /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nsecond$/)
      t.notMatch(client.text.slice(1), /\n(?:.+\r\n)*\r\nHTTP\/1\.1 100/)
    })
  }
  t.test(`${form}: a 100 Continue that is asked for behind another request comes behind that one's response`, async t => {
    const { client, waiting, responses, ...targets } = await surroundings(t, '')
    client.send(`GET ${targets[form]}/first HTTP/1.1\r\n${CREDENTIALS}\r\nGET ${targets[form]}/second HTTP/1.1\r\n${CREDENTIALS}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`)
    await until(() => waiting.length === 1 && responses[1] !== undefined && responses[1].listenerCount('socket') > 0)
    waiting[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst')
    t.match(await client.answer(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nfirst$/)
    t.equal(await client.answer(), 'HTTP/1.1 100 Continue\r\n\r\n')
    t.match(await client.send('hi').answer(), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nsecond$/)
  })
}
