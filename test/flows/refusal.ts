import t from 'tap'
import type { Test } from 'tap'
import * as errors from '../../lib/errors.js'
import { BearerStrategy, Strategy } from '../../lib/index.js'
import type { StrategyDeclaration } from '../../lib/index.js'
import { FORMS, NAMED, message, surroundings } from '../fixtures/forms.js'
import type { Form, MessageOptions, Surroundings } from '../fixtures/forms.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { ALICE, BOB, basic } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const CHALLENGE = 'Basic realm="Gateway", charset="UTF-8"'
const WRONG = `Basic ${Buffer.from('alice:guess').toString('base64')}`
const UNKNOWN = `Basic ${Buffer.from('nobody:guess').toString('base64')}`
const say = (credentials: string | undefined) => credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]

/** A client that speaks one form to the origin of these surroundings. */
async function speaker (t: Test, form: Form, { port, origin }: Surroundings, authority = origin.authority) {
  const client = await RawClient.to(t, port)
  return {
    client,
    ask: async (fields: string[], options?: MessageOptions) => readAnswer(await client.send(message(form, authority, fields, options)).answer())
  }
}

for (const form of FORMS) {
  t.test(form, async t => {
    t.test('missing, wrong and foreign credentials get a complete 407, on a connection that goes on (R-407-1, R-407-2, R-407-3, R-407-5, R-407-6, R-407-10, R-CRED-2, R-CONN-1, S45, S47)', async t => {
      const { ask } = await speaker(t, form, await surroundings(t))
      for (const credentials of [undefined, WRONG, UNKNOWN, 'Newauth x', 'Basic']) {
        const { line, fields, body } = await ask(say(credentials))
        const isWrong = credentials === WRONG || credentials === UNKNOWN
        t.equal(line, `HTTP/1.1 407 ${form === 'CONNECT' && isWrong ? 'Proxy credentials not accepted' : 'Proxy Authentication Required'}`, credentials ?? 'none')
        t.equal(fields['proxy-authenticate'], CHALLENGE)
        t.notOk('www-authenticate' in fields)
        t.equal(fields['cache-control'], 'no-store')
        t.equal(fields['connection'], 'keep-alive')
        t.notOk('transfer-encoding' in fields)
        t.equal(body.length, Number(fields['content-length']))
        t.match(body, 'Realm: Gateway')
        t.ok(Math.abs(Date.parse(fields['date']!) - Date.now()) < 5_000)
      }
      t.equal((await ask(say(ALICE))).status, 200)
    })

    t.test('nothing of it reaches an upstream, not even a look-up (R-407-11, R-CONNECT-6)', async t => {
      const around = await surroundings(t)
      for (const credentials of [undefined, WRONG, 'Newauth x', 'Basic !', 'Basic dTpw, Basic dTpw']) {
        const { ask } = await speaker(t, form, around, NAMED(around.origin.port))
        t.ok((await ask(say(credentials))).status >= 400)
      }
      t.equal(around.origin.connections, 0)
      t.same(around.resolved, [])
      const { ask } = await speaker(t, form, around, NAMED(around.origin.port))
      t.equal((await ask(say(ALICE))).status, 200)
      t.equal(around.origin.connections, 1)
      t.same(around.resolved, form === 'origin-form' ? [] : ['origin.test'])
    })

    t.test('an unknown user and a wrong password get the same answer (R-407-12, R-CH-15)', async t => {
      const around = await surroundings(t)
      const answers = await Promise.all([WRONG, UNKNOWN].map(async credentials => {
        const { client } = await speaker(t, form, around)
        return (await client.send(message(form, around.origin.authority, say(credentials))).answer()).replace(/^date: .*\r\n/im, '')
      }))
      t.match(answers[0], /^HTTP\/1\.1 407 /)
      t.equal(answers[1], answers[0])
    })

    t.test('one challenge for each strategy, on lines of their own, in their order (R-CH-1, R-MAP-5)', async t => {
      const key = { strategy: foreign('key', function () { this.fail() }), scheme: 'Key' }
      const around = await surroundings(t, { strategies: [key, basic(), new BearerStrategy({ verify: () => null })] })
      const { client } = await speaker(t, form, around)
      const lines = (await client.send(message(form, around.origin.authority)).answer()).split('\r\n')
      t.same(lines.filter(line => /^proxy-authenticate:/i.test(line)).map(line => line.slice(20)), [
        'Key realm="Gateway"', CHALLENGE, 'Bearer realm="Gateway"'
      ])
    })

    t.test('a strategy may challenge anew each time (R-407-13)', async t => {
      const { ask } = await speaker(t, form, await surroundings(t, { strategies: [new Counting()] }))
      const challenge = async (credentials?: string) => (await ask(say(credentials))).fields['proxy-authenticate']
      t.same([await challenge(), await challenge('Counting x'), await challenge('Counting x')], [
        'Counting nonce="1"', 'Counting nonce="2"', 'Counting nonce="3"'
      ])
    })

    t.test('what is no credentials is 400, and the next request is served (R-CRED-1, R-CRED-5, R-CRED-7, R-PARSE-6)', async t => {
      const around = await surroundings(t)
      for (const fields of [
        say(''), say('"'), say('Basic !'), say('Basic\tdTpw'), say('Basic dTpw dTpw'), say('Basic dTpw, Basic dTpw'), say('Basic a=1, a=2'),
        say(`Basic ${Buffer.from('no colon').toString('base64')}`), [...say(ALICE), ...say(ALICE)], ['proxy-authorization:', ...say(ALICE)],
        [...say(ALICE), 'Host: other.test']
      ]) {
        const { ask } = await speaker(t, form, around)
        const { status, fields: { 'proxy-authenticate': challenge } } = await ask(fields)
        t.equal(status, 400, fields.join())
        t.equal(challenge, undefined)
      }
      t.equal(around.origin.connections, 0)
      t.equal((await (await speaker(t, form, around)).ask(say(ALICE))).status, 200)
    })

    t.test('who is known and may not is 403, and not asked again (R-407-4, R-407-16, R-MAP-3, R-BEARER-4)', async t => {
      const strategies = [
        basic(),
        new BearerStrategy({ verify: () => ({ error: 'insufficient_scope', scope: 'egress' }) }),
        { strategy: foreign('no', function () { this.fail(403) }), scheme: 'No' }
      ]
      const around = await surroundings(t, { strategies })
      const asking = async (credentials: string) => await (await speaker(t, form, around)).ask(say(credentials))
      t.match(await asking('Bearer x'), {
        status: 403, fields: { 'proxy-authenticate': 'Bearer realm="Gateway", scope="egress", error="insufficient_scope"' }
      })
      const { status, fields } = await asking('No x')
      t.equal(status, 403)
      t.notOk('proxy-authenticate' in fields)
      t.equal(around.origin.connections, 0)
    })

    t.test('when a strategy cannot tell, that is no 407 (R-407-15)', async t => {
      const failing = (cause: Error): StrategyDeclaration[] => [{ strategy: foreign('ldap', function () { this.error(cause) }), scheme: 'Basic' }]
      for (const [cause, status] of [
        [new Error('bug'), 500],
        [Object.assign(new Error('away'), { code: 'ECONNREFUSED' }), 503],
        [new TypeError('fetch failed', { cause: Object.assign(new Error('away'), { code: 'ECONNREFUSED' }) }), 503],
        [new DOMException('late', 'TimeoutError'), 503],
        [Object.assign(new Error('407'), { statusCode: 407, status: 407 }), 500]
      ] as const) {
        const around = await surroundings(t, { strategies: failing(cause) })
        const { ask } = await speaker(t, form, around)
        const answer = await ask(say(ALICE))
        t.equal(answer.status, status)
        t.equal(answer.fields['retry-after'], status === 503 ? '10' : undefined)
        t.notOk('proxy-authenticate' in answer.fields)
        t.notMatch(answer.body, cause.message)
        t.equal(around.origin.connections, 0)
      }
    })

    t.test('HTTP/1.0 is answered, and closed (R-CONN-4, R-407-7)', async t => {
      const around = await surroundings(t)
      for (const fields of [[], ['Connection: keep-alive']]) {
        const client = await RawClient.to(t, around.port)
        const { status, fields: { connection, 'content-length': length }, body } =
          readAnswer(await client.send(message(form, around.origin.authority, fields, { version: '1.0' })).end())
        t.equal(status, 407)
        t.equal(connection, 'close')
        t.equal(body.length, Number(length))
      }
    })

    t.test('who is let in is known to what comes after, and to nobody upstream (R-MAP-7, R-CHAIN-1, R-CRED-6, R-GW-5)', async t => {
      let seen: string | undefined
      const around = await surroundings(t, { after: app => { app.addHook('onResponse', async request => { seen = request.proxyAuth?.name }) } })
      const { client, ask } = await speaker(t, form, around)
      t.equal((await ask([...say(ALICE), 'Authorization: Bearer app', 'Cookie: a=b', 'Connection: close'])).status, 200)
      if (form === 'CONNECT') client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      await client.end()
      client.socket.end()
      const { proxy } = await around.logged(line => 'proxy' in line)
      t.match(proxy, { user: 'alice', scheme: 'Basic', status: 200 })
      t.equal(seen, 'alice')
      const [{ rawHeaders, headers }] = around.origin.seen as [Surroundings['origin']['seen'][0]]
      t.notMatch(rawHeaders.join('\n'), /alice|proxy-/i)
      if (form !== 'CONNECT') t.match(headers, { authorization: 'Bearer app', cookie: 'a=b' })
    })

    t.test('Bearer alone lets in who sends the token unasked (R-BEARER-1, R-BEARER-11)', async t => {
      const around = await surroundings(t, { strategies: [new BearerStrategy({ verify: token => token === 'alice-token' ? 'alice' : null })] })
      const { ask } = await speaker(t, form, around)
      t.match(await ask([]), { status: 407, fields: { 'proxy-authenticate': 'Bearer realm="Gateway"' } })
      t.match(await ask(say('Bearer guess')), { status: 407, fields: { 'proxy-authenticate': 'Bearer realm="Gateway", error="invalid_token"' } })
      t.equal((await ask(say('Bearer alice-token'))).status, 200)
    })

    t.test('a field that a strategy reads goes no further either', async t => {
      const key = { strategy: foreign('key', function ({ headers }) { headers['x-key'] === 'k' ? this.success('key') : this.fail() }), scheme: null, reads: ['X-Key'] }
      const around = await surroundings(t, { strategies: [basic(), key] })
      for (const fields of [['x-KEY: k'], ['X-Key: k', ...say(ALICE)]]) {
        const { ask } = await speaker(t, form, around)
        t.equal((await ask(fields)).status, 200)
      }
      t.notMatch(around.origin.seen.map(({ rawHeaders }) => rawHeaders.join('\n')).join('\n'), /x-key/i)
    })
  })
}

for (const form of ['origin-form', 'absolute-form'] as const) {
  t.test(`${form}, with content`, async t => {
    t.test('HEAD gets the head alone (R-407-5)', async t => {
      const around = await surroundings(t)
      const client = await RawClient.to(t, around.port)
      const head = await client.send(message(form, around.origin.authority, ['Connection: close'], { method: 'HEAD' })).end()
      const { status, fields, body } = readAnswer(head)
      t.equal(status, 407)
      t.equal(body, '')
      t.ok(Number(fields['content-length']) > 0)
      t.equal(fields['proxy-authenticate'], CHALLENGE)
    })

    t.test('the body that is accepted (R-PROB-1)', async t => {
      const around = await surroundings(t)
      const { ask } = await speaker(t, form, around)
      t.match((await ask(['Accept: text/html'])).body, /^<!doctype html>/)
      const { fields, body } = await ask(['Accept: application/problem+json'])
      t.match(fields['content-type'], /^application\/problem\+json/)
      t.match(JSON.parse(body), { status: 407 })
    })

    t.test('no 100 before a 407, and one before the content that is wanted (R-EXP-1, R-EXP-4, R-NODE-4)', async t => {
      const around = await surroundings(t)
      const expecting = (credentials?: string) => message(form, around.origin.authority,
        [...say(credentials), 'Expect: 100-continue', 'Content-Length: 7'], { method: 'POST' })
      const stranger = await RawClient.to(t, around.port)
      const { status, fields } = readAnswer(await stranger.send(expecting()).answer())
      t.equal(status, 407)
      t.equal(fields['connection'], 'close')
      t.equal(around.origin.connections, 0)
      const alice = await RawClient.to(t, around.port)
      t.match(await alice.send(expecting(ALICE)).answer(), /^HTTP\/1\.1 100 /)
      t.match(await alice.send('content').answer(), /^HTTP\/1\.1 200 /)
      t.equal(String(around.origin.seen[0]?.body), 'content')
    })

    t.test('a small upload is read, and the connection goes on (R-407-8, R-CONN-1)', async t => {
      const around = await surroundings(t)
      const { client, ask } = await speaker(t, form, around)
      t.equal((await ask(['Content-Length: 7'], { method: 'POST' })).status, 407)
      client.send('content')
      t.equal((await ask(say(ALICE))).status, 200)
      t.same(around.origin.seen.map(({ method }) => method), ['GET'])
    })

    t.test('a large upload may be sent to its end, and the answer read after it (R-407-7, R-407-8, R-407-9, R-CONN-6)', async t => {
      const around = await surroundings(t)
      const client = await RawClient.to(t, around.port)
      let failure: Error | undefined
      client.socket.on('error', error => { failure = error })
      client.send(message(form, around.origin.authority, ['Content-Length: 10485760'], { method: 'PUT' }))
      await new Promise(resolve => client.socket.write(Buffer.alloc(10_485_760), resolve))
      const { status, fields, body } = readAnswer(await client.end())
      t.match({ status, connection: fields['connection'] }, { status: 407, connection: 'close' })
      t.equal(body.length, Number(fields['content-length']))
      t.equal(failure, undefined)
      t.equal(around.origin.connections, 0)
    })

    t.test('pipelined requests are asked one by one (R-CONN-7)', async t => {
      const around = await surroundings(t, {}, (request, response) => { response.end(request.url) })
      const client = await RawClient.to(t, around.port)
      const each: Array<[string, string | undefined]> = [['/1', ALICE], ['/2', undefined], ['/3', BOB], ['/4', WRONG], ['/5', ALICE]]
      client.send(each.map(([path, credentials]) => message(form, around.origin.authority, say(credentials), { path })).join(''))
      const answers = []
      for (let i = 0; i < each.length; i++) answers.push(readAnswer(await client.answer()))
      t.same(answers.map(({ status }) => status), [200, 407, 200, 407, 200])
      t.same(around.origin.seen.map(({ url }) => url), ['/1', '/3', '/5'])
      await around.logged(() => around.proxied().length === 3)
      t.same(around.proxied().map(({ user }) => user), ['alice', 'bob', 'alice'])
    })

    t.test('nothing is kept for later: each request is asked, and goes to the origin (R-CACHE-4, R-CACHE-5, R-CACHE-6, R-CACHE-7)', async t => {
      const around = await surroundings(t, {}, (_request, response) => {
        response.setHeader('Cache-Control', 'public, max-age=3600').end('fresh')
      })
      const { ask } = await speaker(t, form, around)
      for (const method of ['GET', 'OPTIONS']) {
        const before = around.origin.seen.length
        t.equal((await ask(say(ALICE), { method, path: '/x' })).body, 'fresh')
        t.equal((await ask([], { method, path: '/x' })).status, 407)
        t.equal((await ask(say(BOB), { method, path: '/x' })).body, 'fresh')
        t.equal(around.origin.seen.length, before + 2)
      }
    })
  })
}

t.test('errors of the gateway: none is 421 (R-407-14)', async t => {
  for (const [name, Known] of Object.entries(errors)) {
    t.not(new (Known as unknown as new (...args: string[]) => { statusCode: number })('a', 'b', 'c').statusCode, 421, name)
  }
})

class Counting extends Strategy {
  readonly name = 'counting'
  readonly scheme = 'Counting'
  override readonly fresh = true
  private count = 0
  override authenticate () { this.fail() }
  override challenge ({ request }: { request?: unknown }) {
    return { scheme: 'Counting', params: { nonce: String(request === undefined ? 0 : ++this.count) } }
  }
}
