// Clients that hold the content of each leg back until they are told to go on, as Apache HttpClient and .NET do.
import t from 'tap'
import type { Test } from 'tap'
import { NtlmStrategy, lookupStatic } from '../../lib/index.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const { lookup } = lookupStatic({ alice: 'alice-secret' })
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const FIRST = negotiate()

async function surroundings (t: Test) {
  const target = await origin(t, (_request, response, body) => { response.end(`got ${body.length}`) })
  const up = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true, reverse: [{ prefix: '/api', upstream: target.url }] })
  return { ...up, target, lines: [`PUT ${target.url}/x`, 'PUT /api/x'] }
}

const head = (line: string, framing: string, token: string, expect = 'Expect: 100-continue\r\n') =>
  `${line} HTTP/1.1\r\nHost: a.test\r\n${framing}\r\n${expect}Proxy-Authorization: NTLM ${token}\r\n\r\n`
const challengeIn = (text: string) => /\r\nproxy-authenticate: NTLM (\S+)\r\n/i.exec(text)?.[1]

/** One exchange in which the content goes out behind the 100, or at once. */
async function exchange (client: RawClient, text: string, content: string, atOnce = false): Promise<string> {
  client.send(atOnce ? text + content : text)
  await client.until(text => text.includes('\r\n\r\n'))
  if (!client.text.startsWith(CONTINUE)) return await client.answer()
  client.text = client.text.slice(CONTINUE.length)
  if (!atOnce) client.send(content)
  return await client.answer()
}

const CONTENTS: Array<[name: string, framing: string, content: string, length: number]> = [
  ['5,000 octets', 'Content-Length: 5000', 'x'.repeat(5000), 5000],
  ['3 MB', 'Content-Length: 3000000', 'x'.repeat(3_000_000), 3_000_000],
  ['chunks', 'Transfer-Encoding: chunked', `186a0\r\n${'x'.repeat(100_000)}\r\n0\r\n\r\n`, 100_000]
]
for (const [name, framing, content, length] of CONTENTS) {
  t.test(`${name} behind an expectation in each leg: 100, read away, the next leg on the same connection, 200 (F-7)`, async t => {
    const { port, lines, target } = await surroundings(t)
    for (const line of lines) {
      for (const atOnce of [false, true]) {
        const client = await RawClient.to(t, port)
        const asked = await exchange(client, head(line, framing, FIRST), content, atOnce)
        t.match(asked, /^HTTP\/1\.1 407 [^]*\r\nconnection: keep-alive\r\n/i, line)
        const token = authenticate(challengeIn(asked)!, FIRST)
        t.match(await exchange(client, head(line, framing, token), content, atOnce), /^HTTP\/1\.1 200 /)
        t.equal(target.seen.pop()!.body.length, length)
        t.equal(target.seen.length, 0, 'of the first leg it has nothing')
        client.socket.destroy()
      }
    }
  })
}

t.test('the first request without credentials, and a wrong last leg: refused from the head, and closed (R-EXP-1, F-7)', async t => {
  const { port, lines } = await surroundings(t)
  for (const line of lines) {
    const stranger = await RawClient.to(t, port)
    const text = `${line} HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n`
    t.match(await exchange(stranger, text, ''), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i)
    const mallory = await RawClient.to(t, port)
    const asked = await exchange(mallory, head(line, 'Content-Length: 5', FIRST), 'hello')
    const wrong = authenticate(challengeIn(asked)!, FIRST, { password: 'wrong' })
    t.match(await exchange(mallory, head(line, 'Content-Length: 5', wrong), 'hello'), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i)
    for (const client of [stranger, mallory]) client.socket.destroy()
  }
})

t.test('more than is read away: announced, the 407 comes at once and closes; in chunks, it comes where the limit is (F-7)', async t => {
  const { port, lines } = await surroundings(t)
  for (const line of lines) {
    const announced = await RawClient.to(t, port)
    t.match(await exchange(announced, head(line, 'Content-Length: 16777217', FIRST), ''), /^HTTP\/1\.1 407 [^]*\r\nconnection: close\r\n/i)
    const chunked = await RawClient.to(t, port)
    chunked.send(head(line, 'Transfer-Encoding: chunked', FIRST))
    await chunked.until(text => text === CONTINUE)
    const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`
    for (let i = 0; i < 17; i++) chunked.send(chunk)
    const text = await chunked.until(text => text.includes('407'))
    t.match(readAnswer(text.slice(CONTINUE.length)), { status: 407, fields: { connection: 'close' } })
    let failure: Error | undefined
    chunked.socket.on('error', error => { failure = error })
    chunked.send(`${chunk}0\r\n\r\n`) // it was on its way
    await chunked.end()
    t.equal(failure, undefined, 'and no reset takes the response away')
    announced.socket.destroy()
  }
})
