import { createServer } from 'node:http'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { changeFields, linesOf, readHead } from '../../../lib/gate/content/response-head.js'
import type { ChangeableHead, ChangeLine } from '../../../lib/gate/content/response-head.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'

/** The lines that go out when `write` has written a head. */
async function written (t: Test, write: (response: ServerResponse) => void): Promise<string[]> {
  const server = createServer((_request, response) => {
    response.sendDate = false
    write(response)
    response.end()
  })
  const client = await RawClient.to(t, await listen(t, server))
  const answer = await client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n').end()
  return answer.split('\r\n\r\n')[0]!.split('\r\n').filter(line => !/^(connection|transfer-encoding):/i.test(line))
}

const set = (...fields: Array<[string, string | string[]]>): ServerResponse => {
  const response = { getHeader: (name: string) => fields.find(([each]) => each === name)?.[1] }
  return response as unknown as ServerResponse
}

t.test('a head in any of its shapes: its status, reason and fields are found', async t => {
  const response = set()
  for (const [rest, reason, fields] of [
    [[], [], {}], [[undefined], [], {}], [['OK'], ['OK'], {}], [['OK', { a: '1' }], ['OK'], { a: '1' }], [[{ a: '1' }], [], { a: '1' }],
    [[undefined, ['a', '1']], [], ['a', '1']], [[['a', '1']], [], ['a', '1']], [['', undefined], [''], {}]
  ] as const) {
    t.same(readHead(response, 200, rest), { status: 200, reason, fields, response })
  }
})

t.test('a field in any case and shape: all its lines are found', async t => {
  const response = set(['a', '1'], ['b', ['1', '2']])
  const lines = (fields: ChangeableHead['fields'], name: string) => linesOf({ status: 200, reason: [], fields, response }, name)
  t.same(lines({}, 'a'), ['1'])
  t.same(lines(['A', '2', 'x', '3', 'a', ['4', '5']], 'a'), ['1', '2', '4', '5'])
  t.same(lines({ A: 2, B: ['3', '4'] }, 'b'), ['1', '2', '3', '4'])
  t.same(lines({ A: 2 }, 'a'), ['1', '2'])
  t.same(lines({}, 'c'), [])
})

const change: ChangeLine = (name, line) => name === 'gone' || line === 'gone' ? undefined : name === 'a' || line === 'old' ? `${line}!` : line

for (const [name, fields, expected] of [
  ['a list', ['X-B', '1', 'Gone', '2', 'A', '3', 'X-C', ['4', 'gone', '5'], 'X-D', ['gone']], ['X-B: 1', 'A: 3!', 'X-C: 4', 'X-C: 5', 'trailer: t']],
  ['a record', { 'X-B': 1, Gone: '2', A: '3', 'X-C': ['4', 'gone', '5'], 'X-D': ['gone'] }, ['X-B: 1', 'A: 3!', 'X-C: 4', 'X-C: 5', 'trailer: t']]
] as Array<[string, ChangeableHead['fields'], string[]]>) {
  t.test(`the lines of ${name} are changed, and it stays one`, async t => {
    const lines = await written(t, response => {
      const changed = changeFields(readHead(response, 200, ['Fine', fields]), change, { trailer: 't' })
      t.equal(Array.isArray(changed), Array.isArray(fields))
      response.writeHead(200, 'Fine', changed)
    })
    t.same(lines, ['HTTP/1.1 200 Fine', ...expected])
  })
}

t.test('of several lines of a field: those are changed that are to be, and no others', async t => {
  const response = { getHeaderNames: () => [] } as unknown as ServerResponse
  for (const [lines, expected] of [[['1', '2'], ['1!', '2!']], [['old', '2'], ['old!', '2']], [['1', 'old'], ['1', 'old!']]] as const) {
    const name = expected[0] === '1!' ? 'A' : 'X-A'
    t.same(changeFields({ status: 200, reason: [], fields: [name, [...lines]], response }, change, {}), [name, expected])
  }
})

t.test('a field none of whose lines stay: nothing of it stays', async t => {
  const response = { getHeaderNames: () => [] } as unknown as ServerResponse
  for (const fields of [['X-D', ['gone'], 'b', '1'], { 'X-D': ['gone'], b: '1' }] as Array<ChangeableHead['fields']>) {
    t.same(changeFields({ status: 200, reason: [], fields, response }, change, {}), Array.isArray(fields) ? ['b', '1'] : { b: '1' })
  }
})

t.test('fields that were set before: they are changed where they are', async t => {
  const lines = await written(t, response => {
    response.setHeader('A', '1')
    response.setHeader('Gone', '2')
    response.setHeader('X-C', ['3', 'gone'])
    response.setHeader('X-D', ['4'])
    response.writeHead(200, changeFields(readHead(response, 200, [{ 'X-E': '5' }]), change, {}) as OutgoingHttpHeaders)
  })
  t.same(lines, ['HTTP/1.1 200 OK', 'a: 1!', 'x-c: 3', 'X-D: 4', 'X-E: 5'])
})
