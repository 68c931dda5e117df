import { createServer } from 'node:http'
import t from 'tap'
import { drained } from '../../../lib/proxy/message/drained.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

t.test('the connection goes on behind an upload of which a part was taken', async t => {
  const server = createServer(async (request, response) => {
    const content = drained(request, request.iterator({ destroyOnReturn: false }))
    if (request.method === 'POST') for await (const chunk of content) { if (chunk.length > 0) break }
    response.end()
  })
  const client = await RawClient.to(t, await listen(t, server))
  const length = 4e6
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`)
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
  t.equal((await client.end()).split('HTTP/1.1 200').length, 3, 'two answers')
})

t.test('all of it arrives where all of it is taken', async t => {
  let got = 0
  const server = createServer(async (request, response) => {
    for await (const chunk of drained(request, request.iterator({ destroyOnReturn: false }))) got += chunk.length
    response.end()
  })
  const client = await RawClient.to(t, await listen(t, server))
  client.send(`POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n${'x'.repeat(300000)}`)
  await client.end()
  t.equal(got, 300000)
})
