import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { isRecord, spellFields } from '../../../lib/platform/http1/spell-fields.js'
import { Http2Client } from '../../fixtures/http2-client.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

const NAMES = new Map([['x-own', 'X-Own'], ['x-too', 'X-TOO']])

/** The head of a response as it is on the wire, less what node adds. */
async function headOf (t: Test, respond: (response: ServerResponse) => void): Promise<string[]> {
  const port = await listen(t, createServer((_request, response) => {
    response.sendDate = false
    respond(response)
    response.end()
  }))
  const client = await RawClient.to(t, port)
  const text = await client.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n').end()
  return text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').slice(1).filter(line => !/^(Connection|Transfer-Encoding|Content-Length):/.test(line))
}

t.test('a head given in any way but as a list: its names are spelt as told (F-5)', async t => {
  const rows: Array<[respond: (response: ServerResponse) => void, lines: string[]]> = [
    [response => { response.writeHead(200, { 'x-own': '1', 'x-other': '2' }) }, ['X-Own: 1', 'x-other: 2']],
    [response => { response.writeHead(200, 'Fine', { 'x-own': ['1', '2'] }) }, ['X-Own: 1', 'X-Own: 2']],
    [response => { response.setHeader('x-own', '1').setHeader('x-other', '2') }, ['X-Own: 1', 'x-other: 2']],
    [response => { response.setHeader('x-own', '1').writeHead(200, { 'x-too': '2' }) }, ['X-Own: 1', 'X-TOO: 2']],
    [response => { response.writeHead(200, ['x-own', '1']) }, ['x-own: 1']]
  ]
  for (const [respond, lines] of rows) {
    t.strictSame(await headOf(t, response => { spellFields(response, NAMES); respond(response) }), lines)
  }
})

t.test('asked for twice: the names of the last time hold, whoever has wrapped writeHead since (F-5)', async t => {
  t.strictSame(await headOf(t, response => {
    spellFields(response, new Map())
    const { writeHead } = response
    response.writeHead = (...args: unknown[]) => writeHead.apply(response, args as never)
    spellFields(response, NAMES)
    response.writeHead(200, { 'x-own': '1' })
  }), ['X-Own: 1'])
})

t.test('a response over HTTP/2: its names stay in lower case (F-5)', async t => {
  const server = createHttp2Server((_request, response) => {
    spellFields(response as never, NAMES)
    t.notOk(Object.hasOwn(response, 'writeHead'))
    response.writeHead(200, { 'x-own': '1' }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  const client = await Http2Client.to(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.match(await client.ask({ ':path': '/' }), { fields: { 'x-own': '1' } })
})

t.test('the arguments of writeHead: only an object has fields by name', async t => {
  t.strictSame([{}, [], 'OK', undefined, null].map(isRecord), [true, false, false, false, false])
})
