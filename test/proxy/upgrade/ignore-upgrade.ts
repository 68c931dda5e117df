import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { ignoreUpgradeWithContent, wasIgnored } from '../../../lib/platform/http1/upgrade-with-content.js'
import { parseRest, ignoreUpgrade } from '../../../lib/proxy/upgrade/ignore-upgrade.js'
import { afterPreviousResponse } from '../../../lib/platform/http1/pipelining.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { readAnswer } from '../../fixtures/read-answer.js'

/** A server that lets every upgrade go on. */
async function plain (
  t: Test, before: (request: IncomingMessage) => void = () => {}, linesRead?: number
): Promise<{ client: RawClient, server: Server }> {
  const server = createServer((request, response) => {
    let text = `${request.method} ${request.url} ${request.rawHeaders.join('|')} `
    request.on('data', chunk => { text += chunk }).on('end', () => { response.end(text) })
  })
  if (linesRead !== undefined) server.maxHeadersCount = linesRead
  ignoreUpgradeWithContent(server)
  server.on('upgrade', (request, socket: Socket, head) => {
    if (wasIgnored(request)) return afterPreviousResponse(socket, () => parseRest(socket, head))
    const goOn = ignoreUpgrade(request, head)
    before(request)
    goOn()
  })
  return { client: await RawClient.to(t, await listen(t, server)), server }
}

t.test('an ignored upgrade: parsed as a plain request, what follows as well, and the connection is kept (R-UPG-3)', async t => {
  const { client } = await plain(t)
  for (const method of ['GET', 'OPTIONS']) {
    client.send(`${method} /%20?x HTTP/1.1\r\nHost: a\r\nX-A: \xe9\r\nUPGRADE: h2c\r\nx-a: 2\r\nConnection: Upgrade\r\nupgrade: b\r\n\r\n`)
    t.equal(readAnswer(await client.answer()).body, `${method} /%20?x Host|a|X-A|\xc3\xa9|x-a|2|Connection|Upgrade `)
  }
})

t.test('an ignored upgrade with content, in one packet or two: the content and the next request are parsed', async t => {
  const { client } = await plain(t)
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\n'
  client.send(`${head}123`)
  await new Promise(resolve => setImmediate(resolve))
  client.send('45GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
  for (const wanted of [/12345$/, /^GET \/next/]) t.match(readAnswer(await client.answer()).body, wanted)
})

t.test('changes to an ignored upgrade meanwhile: they do not matter, and a closed connection is left alone', async t => {
  const { client } = await plain(t, request => { request.url = '/other' })
  t.match(readAnswer(await client.send('GET /one HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n').answer()).body, /^GET \/one/)
  const { client: other } = await plain(t, ({ socket }) => { socket.destroy() })
  t.equal(await other.send('GET /one HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n').end(), '')
})

t.test('as many lines as node reads, none dropped: refused all the same, since there is no telling; one fewer goes on (F-22)', async t => {
  const head = (lines: number) => `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: Upgrade\r\n${'a:\r\n'.repeat(lines - 3)}\r\n`
  const { client } = await plain(t, () => {}, 40)
  t.match(await client.send(head(39)).answer(), /^HTTP\/1\.1 200 /)
  t.equal(await client.send(`${head(40)}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`).end(),
    'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  const { client: ended } = await plain(t, ({ socket }) => { socket.end() }, 3)
  t.equal(await ended.send(head(3)).end(), '', 'nothing is written behind an end')
})
