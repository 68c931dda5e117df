import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { answerDigestChallenge } from '../../lib/schemes/digest/client.js'
import type { DigestAnswer, DigestRequest } from '../../lib/schemes/digest/client.js'
import { MemoryStore } from '../../lib/store/memory.js'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import type { DigestOptions } from '../../lib/strategies/digest/options.js'
import { closedPort } from '../fixtures/closed-port.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'

const digest = (options: Partial<DigestOptions> = {}): DigestStrategy => new DigestStrategy({
  lookup: (username) => username === 'alice' ? { password: 'alice-secret' } : null, ...options
})
const around = async (t: Test, options: Partial<DigestOptions> = {}): Promise<Surroundings> =>
  await surroundings(t, { strategies: [digest(options), basic()] }, (request, response) => {
    response.writeHead(Number(request.url?.slice(1)) || 200).end('content')
  })

/** One request on a connection of its own. */
async function ask (t: Test, { port, origin }: Surroundings, form: Form, path: string, credentials?: string): Promise<Answer> {
  const client = await RawClient.to(t, port)
  client.send(message(form, origin.authority, credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`], { path }))
  const answer = readAnswer(await client.until(text => text.includes('\r\n\r\n')))
  client.socket.destroy()
  return answer
}

const uriOf = (form: Form, { origin }: Surroundings, path: string): string =>
  form === 'CONNECT' ? origin.authority : form === 'origin-form' ? `/api${path}` : path

function answerTo (challenges: string, form: Form, uri: string, nc = 1, changed: Partial<DigestRequest> = {}): DigestAnswer {
  return answerDigestChallenge(challenges, {
    username: 'alice', password: 'alice-secret', method: form === 'CONNECT' ? 'CONNECT' : 'GET', uri, nc, cnonce: randomUUID(), ...changed
  })!
}

for (const form of FORMS) {
  t.test(form, async t => {
    t.test('a challenge a line, the right answer, and ours to it; a replay is stale (R-DIG-22, R-DIG-34, R-PAI-6, R-PAI-7, R-PAI-9)', async t => {
      const surrounded = await around(t)
      const { status, fields } = await ask(t, surrounded, form, '/')
      t.equal(status, 407)
      t.match(fields['proxy-authenticate'], /^Digest realm="Gateway", .*, Basic realm="Gateway"/)
      t.notOk('proxy-authentication-info' in fields)
      const uri = uriOf(form, surrounded, '/')
      for (const nc of [1, 3, 2]) {
        const answer = answerTo(fields['proxy-authenticate']!, form, uri, nc)
        const granted = await ask(t, surrounded, form, '/', answer.credentials)
        t.equal(granted.status, 200)
        t.same(answer.verify(granted.fields['proxy-authentication-info']!), { rspauth: 'right', qop: 'auth', next: undefined })
        const replayed = await ask(t, surrounded, form, '/', answer.credentials)
        t.equal(replayed.status, 407)
        t.match(replayed.fields['proxy-authenticate'], /stale=true/)
      }
    })

    t.test('a wrong password is not stale; another target is 400 (R-DIG-16, R-DIG-24)', async t => {
      const surrounded = await around(t)
      const { fields } = await ask(t, surrounded, form, '/')
      const uri = uriOf(form, surrounded, '/')
      const wrong = await ask(t, surrounded, form, '/', answerTo(fields['proxy-authenticate']!, form, uri, 1, { password: 'wrong' }).credentials)
      t.equal(wrong.status, 407)
      t.notMatch(wrong.fields['proxy-authenticate'], /stale/)
      const other = await ask(t, surrounded, form, '/', answerTo(fields['proxy-authenticate']!, form, '/other').credentials)
      t.equal(other.status, 400)
      t.same(surrounded.origin.seen, [])
    })

    t.test('a full store is 503 and says when to come back (S5)', async t => {
      const surrounded = await around(t, { store: new MemoryStore({ maxWindows: 1 }) })
      const statuses: number[] = []
      for (let client = 0; client < 2; client++) {
        const { fields } = await ask(t, surrounded, form, '/')
        const answered = await ask(t, surrounded, form, '/', answerTo(fields['proxy-authenticate']!, form, uriOf(form, surrounded, '/')).credentials)
        statuses.push(answered.status)
        if (client === 1) t.match(answered.fields['retry-after'], /^3\d\d$/)
      }
      t.same(statuses, [200, 503])
    })
  })
}

t.test('absolute-form: whatever the target, it is compared as it was sent (R-DIG-23, R-DIG-25)', async t => {
  const surrounded = await around(t)
  const { fields } = await ask(t, surrounded, 'absolute-form', '/')
  let nc = 0
  for (const path of ['/p?q=1', '/%zz', '/%', '/a%2Fb', '/a\\b', '/?a="b"\\', '//x', '/?%zz', '/a/../b', '/:x/*']) {
    for (const uri of [path, `http://${surrounded.origin.authority}${path}`]) {
      const answer = answerTo(fields['proxy-authenticate']!, 'absolute-form', uri, ++nc)
      const { status, fields: { 'proxy-authentication-info': info = '' } } = await ask(t, surrounded, 'absolute-form', path, answer.credentials)
      t.equal(status, 200, uri)
      t.equal(answer.verify(info).rspauth, 'right')
    }
  }
})

t.test('a response of any status to right credentials: it carries a right rspauth (R-PAI-1, R-PAI-2)', async t => {
  const surrounded = await around(t)
  const { fields } = await ask(t, surrounded, 'absolute-form', '/')
  for (const [nc, status] of [[1, 200], [2, 404], [3, 500], [4, 204], [5, 304]] as const) {
    const answer = answerTo(fields['proxy-authenticate']!, 'absolute-form', `/${status}`, nc)
    const answered = await ask(t, surrounded, 'absolute-form', `/${status}`, answer.credentials)
    t.equal(answered.status, status)
    t.equal(answer.verify(answered.fields['proxy-authentication-info']!).rspauth, 'right')
  }
  const nobody = { ...surrounded, origin: { ...surrounded.origin, authority: `127.0.0.1:${await closedPort()}` } }
  for (const [nc, form, uri] of [[6, 'absolute-form', '/'], [7, 'CONNECT', nobody.origin.authority]] as const) {
    const answer = answerTo(fields['proxy-authenticate']!, form, uri, nc)
    const failed = await ask(t, nobody, form, '/', answer.credentials)
    t.equal(failed.status, 502)
    t.equal(answer.verify(failed.fields['proxy-authentication-info']!).rspauth, 'right', `our own 502 to ${form}`)
  }
})

t.test('200 connections over one nonce, nc shuffled: all pass, and none a second time; elsewhere and after a restart it is stale (R-DIG-8, R-DIG-33, R-DIG-34, S8)', async t => {
  const surrounded = await around(t)
  const { fields } = await ask(t, surrounded, 'absolute-form', '/')
  const answers = Array.from({ length: 200 }, (_, n) => answerTo(fields['proxy-authenticate']!, 'absolute-form', '/', n + 1))
  const shuffled = answers.map((answer, n) => ({ answer, at: (n * 7919) % 211 })).sort((a, b) => a.at - b.at).map(({ answer }) => answer)
  const send = async ({ credentials }: DigestAnswer): Promise<number> => (await ask(t, surrounded, 'absolute-form', '/', credentials)).status
  t.same(new Set(await Promise.all(shuffled.map(send))), new Set([200]))
  t.same(new Set(await Promise.all(shuffled.slice(0, 20).map(send))), new Set([407]))
  const restarted = await gateway(t, { strategies: [digest()] })
  const { status, fields: again } = await ask(t, { ...surrounded, port: restarted.port }, 'absolute-form', '/', answerTo(fields['proxy-authenticate']!, 'absolute-form', '/', 201).credentials)
  t.equal(status, 407)
  t.match(again['proxy-authenticate'], /stale=true/)
})

t.test('a request that fails because of a bad HA1: no log line holds what the client sent as proof (R-SEC-1)', async t => {
  const surrounded = await around(t, { lookup: () => ({ ha1: 'ab'.repeat(16) }) })
  const { fields } = await ask(t, surrounded, 'absolute-form', '/')
  const answer = answerTo(fields['proxy-authenticate']!, 'absolute-form', '/', 1, { username: 'canary' })
  const { status, body } = await ask(t, surrounded, 'absolute-form', '/', answer.credentials)
  t.equal(status, 500, 'an HA1 that is none is our mistake')
  t.notMatch(JSON.stringify(surrounded.log) + body, /canary|abababab|[0-9a-f]{64}/)
})
