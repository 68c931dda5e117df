import t from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`
const PAGE = 'Accept: text/html'
const get = (...fields: string[]) => ['GET http://origin.test/ HTTP/1.1', 'Host: origin.test', ...fields, '', ''].join('\r\n')

t.test('a refusal by policy: Proxy-Status and the page have the id that the line in the log has', async t => {
  const { port, log } = await gateway(t, { forward: { allow: ['other.test'] } })
  const ids: string[] = []
  for (const head of [connectHead('origin.test:443', RIGHT), get(RIGHT), get(RIGHT, PAGE)]) {
    const client = await RawClient.to(t, port)
    const { fields, body } = readAnswer(await client.send(head).answer())
    const id = /; request-id="(req-\w+)"$/.exec(fields['proxy-status']!)![1]!
    ids.push(id)
    if (head.includes(PAGE)) t.match(body, `Reference: <strong>${id}</strong>`)
    t.ok(log.some(({ reqId, proxy }) => reqId === id && proxy !== undefined), id)
  }
  t.equal(new Set(ids).size, 3)
})

t.test('a client that has not authenticated: it is told no id, which would tell how many requests there were', async t => {
  const no = foreign('no', function () { this.fail(403) })
  const { port } = await gateway(t, { strategies: [basic(), { strategy: no, scheme: 'No' }] })
  for (const head of [connectHead('origin.test:443'), get(PAGE), get(PAGE, 'Proxy-Authorization: No x'), connectHead('no-port.test')]) {
    const client = await RawClient.to(t, port)
    t.notMatch(await client.send(head).answer(), /req-|request-id|Reference/)
  }
})

t.test('an id of the client: it goes back escaped, or not at all', async t => {
  const { port } = await gateway(t, { forward: { allow: ['other.test'] }, fastify: { requestIdHeader: 'x-id' } })
  const ask = async (id: string) => {
    const client = await RawClient.to(t, port)
    return readAnswer(await client.send(get(RIGHT, PAGE, `X-Id: ${id}`)).answer())
  }
  const told = await ask('"><script>\\')
  t.match(told.fields['proxy-status'], /; request-id="\\"><script>\\\\"$/)
  t.match(told.body, 'Reference: <strong>&quot;&gt;&lt;script&gt;\\</strong>')
  for (const id of ['caf\xe9', 'a\tb', 'x'.repeat(101)]) {
    const { fields, body } = await ask(id)
    t.notMatch(fields['proxy-status'], 'request-id', id)
    t.notMatch(body, 'Reference', id)
  }
})
