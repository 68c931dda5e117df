import { createHash } from 'node:crypto'
import t from 'tap'
import fc from 'fast-check'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import aws4 from 'aws4'
import { run } from '../../../lib/passport/ask-strategy.js'
import type { Verdict } from '../../../lib/passport/outcome.js'
import { signAws4 } from '../../../lib/schemes/aws4/client.js'
import type { Aws4Request, Aws4Signer } from '../../../lib/schemes/aws4/client.js'
import { MemoryStore } from '../../../lib/store/memory.js'
import { Aws4Strategy } from '../../../lib/strategies/aws4/strategy.js'
import type { Aws4Options, Aws4Refusal } from '../../../lib/strategies/aws4/options.js'
import type { AttemptRequest } from '../../../lib/strategies/strategy.js'
import { ALICE_SIGNS } from '../../fixtures/aws4.js'

const NOW = Date.UTC(2026, 10, 21, 12)
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const options: Aws4Options = {
  region: 'local',
  service: 'proxy',
  lookup: (id, token) => id === 'alice' && (token === undefined || token === 'right') ? { secret: 'alice-secret' } : null,
  clock: () => NOW
}

interface Asked extends Partial<Aws4Request> {
  /** What is changed once it is signed. */
  readonly received?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly as?: Partial<Aws4Signer>
  readonly request?: Partial<AttemptRequest>
}

/** A request of alice's, as the strategy gets it: the fields it asks for, and nothing of others. */
function signed ({ received = {}, as = {}, request = {}, ...asked }: Asked = {}): AttemptRequest {
  const { method = 'GET', target = 'http://origin.test/p?q=1', headers = { host: 'origin.test' }, time = NOW, content } = asked
  const added = signAws4({ method, target, headers, time, ...(content !== undefined && { content }) }, { ...ALICE_SIGNS, ...as })
  const { 'proxy-authorization': authorization, ...fields } = { ...headers, ...added, ...received }
  const lines = Object.entries(fields).flatMap(([name, value]) => value === undefined ? [] : [[name, typeof value === 'string' ? [value] : value]])
  return {
    method,
    originalUrl: target,
    httpVersion: '1.1',
    headers: { authorization: authorization as string, ...(content != null && { 'content-length': String(content.length) }) },
    fieldLines: Object.fromEntries(lines),
    ...request
  }
}

const judge = async (request: AttemptRequest, changed: Partial<Aws4Options> = {}): Promise<Verdict> =>
  await run(new Aws4Strategy({ ...options, ...changed }), request as never, { name: 'aws4', timeout: 1000, options: { realm: 'gw' } })

/** The reason of a refusal, which is 407 with the bare scheme. */
async function reasonOf (request: AttemptRequest, changed: Partial<Aws4Options> = {}): Promise<string> {
  const refusals: Aws4Refusal[] = []
  const verdict = await judge(request, { onRefused: refusal => { refusals.push(refusal) }, ...changed })
  if (verdict.kind !== 'failed') return verdict.kind
  if (verdict.challenge !== 'AWS4-HMAC-SHA256' || verdict.status !== undefined) return String(verdict.status)
  return refusals.map(({ reason, accessKeyId }) => accessKeyId === null ? reason : `${reason} of ${accessKeyId}`).join() || 'nothing to judge'
}

t.test('a right signature: the user is accepted', async t => {
  t.same(await judge(signed()), { kind: 'accepted', user: { username: 'alice' }, info: { userId: 'alice' } })
  const lookup: Aws4Options['lookup'] = async () => ({ secret: 'alice-secret', user: 'Alice', info: { team: 'build' } })
  t.same(await judge(signed(), { lookup }), { kind: 'accepted', user: 'Alice', info: { team: 'build', userId: 'alice' } })
})

t.test('no credentials to judge: the challenge is the bare scheme (R-AWS-7)', async t => {
  t.same(new Aws4Strategy(options).challenge(), { scheme: 'AWS4-HMAC-SHA256' })
  for (const authorization of [undefined, 'Basic dTpw', 'AWS4-HMAC-SHA256', ' aws4-hmac-sha256 ']) {
    t.equal(await reasonOf(signed({ request: { headers: { authorization } } })), 'nothing to judge', String(authorization))
  }
})

t.test('requests of all kinds that aws4 and @smithy/signature-v4 have signed: they are accepted (R-AWS-3, R-AWS-6)', async () => {
  const word = fc.stringMatching(/^[\w !'()*@:;,.~%+-]{0,6}$/)
  const segment = fc.oneof(word.map(encodeURIComponent), fc.constantFrom('', '.', '..', '%2F', "a'(b)*!", 'x=y;z@1:2,+$&'))
  const requests = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'),
    path: fc.array(segment, { maxLength: 5 }).map(segments => `/${segments.join('/')}`),
    params: fc.dictionary(word.filter(name => name !== ''), fc.oneof(word, fc.array(word, { minLength: 2, maxLength: 3 })), { maxKeys: 4 }),
    fields: fc.dictionary(fc.stringMatching(/^x-[a-z]{1,5}$/), fc.stringMatching(/^[!-~]([ -~]{0,9}[!-~])?$/), { maxKeys: 3 }),
    content: fc.string({ maxLength: 20 }),
    sessionToken: fc.constantFrom(undefined, 'right'),
    form: fc.constantFrom('origin', 'absolute'),
    port: fc.constantFrom('', ':8080'),
    escapePath: fc.boolean()
  })
  const received = (request: { method: string, path: string, headers: Record<string, string>, form: string, host: string, content: string }): AttemptRequest => {
    const { authorization, ...fields } = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]))
    return {
      method: request.method,
      originalUrl: request.form === 'origin' ? request.path : `http://${request.host}${request.path}`,
      headers: { authorization: authorization! },
      contentHash: { sha256: sha256(request.content) },
      fieldLines: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]]))
    }
  }
  await fc.assert(fc.asyncProperty(requests, async ({ method, path, params, fields, content, sessionToken, form, port, escapePath }) => {
    const host = `origin.test${port}`
    const query = new URLSearchParams(Object.entries(params).flatMap(([name, value]) => [value].flat().map((each): [string, string] => [name, each])))
    const target = query.size === 0 ? path : `${path}?${query}`
    const keys = { accessKeyId: 'alice', secretAccessKey: 'alice-secret', ...(sessionToken !== undefined && { sessionToken }) }

    const byAws4 = aws4.sign({
      method, path: target, body: content, headers: { ...fields, Host: host, 'X-Amz-Date': '20261121T120000Z' }, region: 'local', service: 'proxy'
    }, keys)
    const first = await judge(received({ method, form, host, content, path: byAws4.path!, headers: byAws4.headers as Record<string, string> }))

    const signer = new SignatureV4({ credentials: keys, region: 'local', service: 'proxy', sha256: Sha256, uriEscapePath: escapePath })
    const bySmithy = await signer.sign({
      method, protocol: 'http:', hostname: 'origin.test', path, query: params, body: content, headers: { ...fields, host }
    }, { signingDate: new Date(NOW) })
    const encoded = Object.entries(params).flatMap(([name, value]) => [value].flat().map(each => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`))
    const sent = encoded.length === 0 ? path : `${path}?${encoded.join('&')}`
    const second = await judge(received({ method, form, host, content, path: sent, headers: bySmithy.headers }), { escapePath })
    return first.kind === 'accepted' && second.kind === 'accepted'
  }), { numRuns: 200 })
})

t.test('a signed request that is not what was received: the signature is wrong (R-AWS-3)', async t => {
  const headers = { host: 'origin.test', 'x-a': 'b' }
  const wrong: Record<string, AttemptRequest> = {
    'another method': { ...signed(), method: 'POST' },
    'a method in another case': { ...signed(), method: 'get' },
    'another path': { ...signed(), originalUrl: 'http://origin.test/P?q=1' },
    'another query': { ...signed(), originalUrl: 'http://origin.test/p?q=2' },
    'no query': { ...signed(), originalUrl: 'http://origin.test/p' },
    'a parameter more': { ...signed(), originalUrl: 'http://origin.test/p?q=1&q=1' },
    'a path that is escaped once more': { ...signed({ target: 'http://origin.test/a%20b' }), originalUrl: 'http://origin.test/a%2520b' },
    'a path that is escaped once less': { ...signed({ target: 'http://origin.test/a%2520b' }), originalUrl: 'http://origin.test/a%20b' },
    'a slash that is escaped': { ...signed({ target: 'http://origin.test/a/b' }), originalUrl: 'http://origin.test/a%2Fb' },
    'another value': signed({ headers, received: { 'x-a': 'c' } }),
    'a value in another case': signed({ headers, received: { 'x-a': 'B' } }),
    'a line more': signed({ headers, received: { 'x-a': ['b', 'b'] } }),
    'another spelling of the host': signed({ received: { host: 'origin.test:80' } }),
    'another time': signed({ received: { 'x-amz-date': '20261121T120001Z' } }),
    'another secret': signed({ as: { secretAccessKey: 'bob-secret' } }),
    'a secret in another case': signed({ as: { secretAccessKey: 'ALICE-SECRET' } }),
    'a path that is signed as it is': signed({ target: 'http://origin.test/a%20b', as: { escapePath: false } })
  }
  for (const [name, request] of Object.entries(wrong)) t.equal(await reasonOf(request), 'signature of alice', name)
  t.equal(await reasonOf(signed({ target: 'http://origin.test/a%20b', as: { escapePath: false } }), { escapePath: false }), 'accepted')
  t.equal(await reasonOf({ ...signed({ as: { escapePath: false } }), originalUrl: 'http://origin.test//p?q=1' }, { escapePath: false }), 'signature of alice')
})

t.test('host or a date that is not signed, or a signed field that is not there: the request is refused (R-AWS-4)', async t => {
  const without = (name: string) => {
    const request = signed()
    return { ...request, headers: { authorization: request.headers.authorization!.replace(name, 'x-a') }, fieldLines: { ...request.fieldLines, 'x-a': ['b'] } }
  }
  t.equal(await reasonOf(without('host')), 'fields')
  t.equal(await reasonOf(without('x-amz-date')), 'fields')
  t.equal(await reasonOf(signed({ headers: { host: 'origin.test', 'x-a': 'b' }, received: { 'x-a': undefined } })), 'fields')
  t.equal(await reasonOf(signed({ headers: { host: 'origin.test', 'proxy-authorization': 'x' }, request: { fieldLines: { 'proxy-authorization': ['x'] } } })), 'fields')
  t.equal(await reasonOf(signed({ received: { host: ['origin.test', 'origin.test'] } })), 'fields')
  t.equal(await reasonOf(signed({ received: { 'x-amz-date': ['20261121T120000Z', '20261121T120000Z'] } })), 'fields')
})

t.test('a signed Date without x-amz-date: serves in its place (R-AWS-4)', async t => {
  const { path: _, ...request } = aws4.sign({
    method: 'GET', path: '/', headers: { Host: 'origin.test', Date: 'Sat, 21 Nov 2026 12:00:00 GMT' }, region: 'local', service: 'proxy', doNotModifyHeaders: true
  } as never, ALICE_SIGNS)
  const { Authorization: authorization, Date: date } = request.headers as Record<string, string>
  const received = { method: 'GET', url: '/', httpVersion: '1.1', headers: { authorization: authorization! }, fieldLines: { host: ['origin.test'], date: [date!] } }
  t.equal(await reasonOf(received), 'accepted')
  t.equal(await reasonOf({ ...received, fieldLines: { ...received.fieldLines, date: ['yesterday'] } }), 'date')
})

t.test('absolute-form: the signed host must be that of the target (R-AWS-4, R-TGT-2)', async t => {
  t.equal(await reasonOf({ ...signed(), originalUrl: 'http://other.test/p?q=1' }), 'target')
  t.equal(await reasonOf({ ...signed(), originalUrl: 'https://origin.test/p?q=1' }), 'accepted', 'with no port, the scheme is not signed')
  const onPort = signed({ target: 'http://origin.test:81/', headers: { host: 'origin.test:81' } })
  t.equal(await reasonOf(onPort), 'accepted')
  t.equal(await reasonOf({ ...onPort, originalUrl: 'http://origin.test:82/' }), 'target')
  t.equal(await reasonOf({ ...onPort, method: undefined, originalUrl: undefined } as never), 'target')
})

t.test('a signature for CONNECT: holds for one host and port (R-AWS-8)', async t => {
  const connect = signed({ method: 'CONNECT', target: 'origin.test:443', headers: { host: 'origin.test:443' } })
  t.equal(await reasonOf(connect), 'accepted')
  t.equal(await reasonOf({ ...connect, fieldLines: { ...connect.fieldLines, host: ['whatever'] } }), 'accepted', 'Host says nothing here')
  t.equal(await reasonOf({ ...connect, fieldLines: { ...connect.fieldLines, host: [] } }), 'accepted', 'and need not be there, as in HTTP/1.0 (C-31)')
  t.equal(await reasonOf({ ...connect, originalUrl: 'origin.test:444' }), 'signature of alice')
  t.equal(await reasonOf({ ...connect, method: 'GET', originalUrl: '/' }), 'signature of alice')
})

t.test('a time beyond the permitted skew, or of another day than the scope: is refused (R-AWS-5)', async t => {
  for (const [offset, reason] of [
    [0, 'accepted'], [-900_000, 'accepted'], [900_000, 'accepted'], [-901_000, 'date'], [901_000, 'date'], [-86_400_000, 'date']
  ] as const) t.equal(await reasonOf(signed({ time: NOW + offset })), reason, String(offset))
  t.equal(await reasonOf(signed({ time: NOW - 2000 }), { clockSkew: 1000 }), 'date')
  const authorization = signed().headers.authorization!.replace('20261121', '20261120')
  t.equal(await reasonOf(signed({ request: { headers: { authorization } } })), 'date')
})

t.test('a scope of another region or service: is refused (R-AWS-5)', async t => {
  t.equal(await reasonOf(signed({ as: { region: 'elsewhere' } })), 'scope')
  t.equal(await reasonOf(signed({ as: { service: 's3' } })), 'scope')
})

t.test('signed content that is not what was received, or was not read: is refused (R-AWS-6)', async t => {
  const post = (changed: Asked = {}) => signed({ method: 'POST', content: 'hello', ...changed })
  const hashed = (text: string) => ({ contentHash: { sha256: sha256(text) } })
  const said = (text: string) => ({ host: 'origin.test', 'x-amz-content-sha256': text })
  t.equal(await reasonOf(post({ request: hashed('hello') })), 'accepted')
  t.equal(await reasonOf(post({ request: hashed('jello') })), 'signature of alice')
  t.equal(await reasonOf(post()), 'payload of alice', 'nobody has read it')
  t.equal(await reasonOf(post({ headers: said(sha256('hello')), request: hashed('hello') })), 'accepted')
  t.equal(await reasonOf(post({ headers: said(sha256('hello')), request: hashed('jello') })), 'payload of alice')
  t.equal(await reasonOf(post({ headers: said('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), request: hashed('hello') })), 'payload of alice')
  t.equal(await reasonOf(post({ as: { accessKeyId: 'nobody' } })), 'payload', 'and who exists is not told')
})

t.test('content that is yet to be read: is asked for where the signature is right, as far as can be told (R-AWS-6)', async t => {
  const toCome = (changed: Asked = {}) => signed({ method: 'POST', content: 'hello', request: { readsContent: true }, ...changed })
  const said = { headers: { host: 'origin.test', 'x-amz-content-sha256': sha256('hello') } }
  const asksFor = { kind: 'failed', challenge: undefined, status: undefined, note: { reason: 'payload', userId: 'alice', guess: false, needsContent: true } }
  t.match(await judge(toCome(said)), asksFor)
  t.match(await judge(toCome()), asksFor, 'without its hash in a field, nothing can be told yet')
  t.equal(await reasonOf(toCome({ ...said, as: { secretAccessKey: 'x' } })), 'signature of alice')
  t.equal(await reasonOf(toCome({ ...said, as: { accessKeyId: 'nobody' } })), 'key')
})

t.test('a hash field of UNSIGNED-PAYLOAD: is accepted by option only, and only if it is signed (R-AWS-6)', async t => {
  const unsigned = signed({ method: 'POST', content: null, headers: { host: 'origin.test', 'content-length': '5' } })
  t.equal(await reasonOf(unsigned), 'payload')
  t.equal(await reasonOf(unsigned, { unsignedPayload: true }), 'accepted')
  const notSaid = signed({ method: 'POST', content: 'hello', request: { contentHash: { sha256: sha256('jello') } } })
  t.equal(await reasonOf({ ...notSaid, fieldLines: { ...notSaid.fieldLines, 'x-amz-content-sha256': ['UNSIGNED-PAYLOAD'] } }, { unsignedPayload: true }),
    'signature of alice', 'said, and not signed')
})

t.test('content of a request: its hash is asked for only where the verdict needs it (R-AWS-6)', async t => {
  const asks = (request: AttemptRequest, changed: Partial<Aws4Options> = {}) => new Aws4Strategy({ ...options, ...changed }).contentHashFor(request)
  t.equal(asks(signed()), 'sha256')
  t.equal(asks(signed({ as: { accessKeyId: 'nobody' } })), 'sha256')
  t.equal(asks(signed({ content: null }), { unsignedPayload: true }), null)
  t.equal(asks(signed({ content: null })), null)
  t.equal(asks(signed({ time: 0 })), null)
  for (const authorization of [undefined, 'Basic dTpw', 'AWS4-HMAC-SHA256 x']) t.equal(asks(signed({ request: { headers: { authorization } } })), null)
})

t.test('signed credentials: the fields they cover are asked for, and that of a session token', async t => {
  const { headers } = signed({ headers: { host: 'origin.test', authorization: 'Bearer x' } })
  const strategy = new Aws4Strategy(options)
  t.same(strategy.coveredFields({ headers }), ['authorization', 'host', 'x-amz-date', 'x-amz-security-token'])
  for (const authorization of [undefined, 'AWS4-HMAC-SHA256 x']) t.same(strategy.coveredFields({ headers: { authorization } }), [])
})

t.test('a session token: is passed to the look-up if it is signed, and refused otherwise', async t => {
  t.equal(await reasonOf(signed({ as: { sessionToken: 'right' } })), 'accepted')
  t.equal(await reasonOf(signed({ as: { sessionToken: 'wrong' } })), 'key')
  t.equal(await reasonOf(signed({ received: { 'x-amz-security-token': 'right' } })), 'fields')
})

t.test('an unknown access key: is refused as such, and the refusal does not name it', async t => {
  t.equal(await reasonOf(signed({ as: { accessKeyId: 'mallory' } })), 'key')
  for (const nothing of [null, undefined, false] as const) t.equal(await reasonOf(signed(), { lookup: async () => nothing }), 'key')
})

t.test('a look-up that cannot tell, or finds a key without a secret: is an error (R-407-15)', async t => {
  t.equal((await judge(signed(), { lookup: async () => { throw new Error('away') } })).kind, 'broken')
  for (const secret of ['', undefined]) t.equal((await judge(signed(), { lookup: () => ({ secret }) as never })).kind, 'broken')
})

t.test('a refusal: its note says whether it was a wrong guess, and for which user', async t => {
  const noteOf = async (request: AttemptRequest) => (await judge(request) as { note?: unknown }).note
  t.same(await noteOf(signed({ as: { secretAccessKey: 'x' } })), { reason: 'signature', userId: 'alice', guess: true })
  t.same(await noteOf(signed({ as: { accessKeyId: 'x' } })), { reason: 'key', userId: null, guess: true })
  t.same(await noteOf(signed({ time: 0 })), { reason: 'date', userId: null, guess: false })
})

t.test('no options: the constructor throws the error of a bad option', async t => {
  t.throws(() => new Aws4Strategy(undefined as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('malformed credentials: the status is 400, and no look-up is made (R-CRED-5)', async t => {
  const lookup = () => { throw new Error('not to be called') }
  for (const authorization of ['AWS4-HMAC-SHA256 x', `AWS4-HMAC-SHA256 Credential=${'x'.repeat(65536)}`]) {
    t.match(await judge(signed({ request: { headers: { authorization } } }), { lookup }), {
      kind: 'failed', status: 400, challenge: { code: 'FST_PROXY_AUTH_MALFORMED_CREDENTIALS' }
    })
  }
})

t.test('a strategy with a store: a right signature counts once, and wrong ones use up nothing (R-AWS-9)', async t => {
  let now = NOW
  const clock = () => now
  const store = new MemoryStore({ clock })
  const strategy = { store, clock }
  t.equal(await reasonOf(signed({ as: { secretAccessKey: 'x' } }), strategy), 'signature of alice')
  t.equal(store.size, 0)
  t.equal(await reasonOf(signed(), strategy), 'accepted')
  t.equal(await reasonOf(signed(), strategy), 'replay of alice')
  now += 900_000
  t.equal(await reasonOf(signed(), strategy), 'replay of alice', 'for as long as it would count')
  t.equal(await reasonOf(signed({ time: now }), strategy), 'accepted')
  t.match(await judge(signed({ time: now + 1000 }), { ...strategy, store: new MemoryStore({ maxWindows: 1, clock }) }), { kind: 'accepted' })
})

t.test('a full store: the request is not accepted, and Retry-After is given (R-AWS-9)', async t => {
  const store = new MemoryStore({ maxWindows: 1, clock: () => NOW })
  t.equal(await reasonOf(signed(), { store }), 'accepted')
  t.match(await judge(signed({ time: NOW - 1000 }), { store }), { kind: 'broken', cause: { code: 'FST_PROXY_AUTH_STORE_FULL', headers: { 'retry-after': /^\d+$/ } } })
})

t.test('any Passport at an origin, with the fields as node has them: signatures are verified', async t => {
  const { headers: { authorization }, fieldLines = {} } = signed({ target: '/p', headers: { host: 'origin.test', 'x-a': 'b' } })
  const fields = Object.fromEntries(Object.entries(fieldLines).map(([name, lines]) => [name, lines[0]]))
  const request = { method: 'GET', url: '/p', httpVersion: '1.1', headers: { ...fields, authorization, 'set-cookie': ['a', 'b'] } }
  t.equal(await reasonOf(request), 'accepted')
  t.equal(await reasonOf({ ...request, headers: { ...request.headers, 'x-a': 'c' } }), 'signature of alice')
  t.equal(await reasonOf({ ...request, headers: { ...request.headers, 'x-a': ['b', 'c'] as never } }), 'signature of alice')
})

t.test('accounts that are to be read anew: it asks a look-up that can', async t => {
  const asked: string[] = []
  const reloading = (name: string) => Object.assign(() => null, { reload: () => { asked.push(name) } })
  t.equal(await new Aws4Strategy({ ...options, lookup: reloading('lookup') }).reload(), undefined)
  t.strictSame(asked, ['lookup'])
  t.equal(await new Aws4Strategy({ ...options, lookup: () => null }).reload(), false)
})
