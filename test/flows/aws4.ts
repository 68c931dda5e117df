import { randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import aws4 from 'aws4'
import { signAws4 } from '../../lib/schemes/aws4/client.js'
import type { Aws4Signer } from '../../lib/schemes/aws4/client.js'
import { MemoryStore } from '../../lib/store/memory.js'
import { Aws4Strategy } from '../../lib/strategies/aws4/strategy.js'
import type { Aws4Options, Aws4Refusal } from '../../lib/strategies/aws4/options.js'
import { ALICE_SIGNS, signedLines } from '../fixtures/aws4.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import { basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { openFiles } from '../fixtures/open-files.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { runProgram } from '../fixtures/run-program.js'
import { until } from '../fixtures/until.js'

const SECRETS: Readonly<Record<string, string>> = { alice: 'alice-secret', bob: 'bob-secret' }
const curl = peer('curl')

interface Around extends Surroundings { readonly refused: Aws4Refusal[] }

async function around (t: Test, options: Partial<Aws4Options> = {}, more: GatewayOptions = {}): Promise<Around> {
  const refused: Aws4Refusal[] = []
  const strategy = new Aws4Strategy({
    region: 'local',
    service: 'proxy',
    lookup: id => Object.hasOwn(SECRETS, id) ? { secret: SECRETS[id]! } : null,
    onRefused: refusal => { refused.push(refusal) },
    ...options
  })
  return { ...await surroundings(t, { strategies: [basic(), strategy], ...more }), refused }
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly content?: string | Buffer | null
  /** In its place, once it is signed. */
  readonly sent?: string | Buffer
  readonly fields?: Readonly<Record<string, string>>
  readonly as?: Partial<Aws4Signer>
  /** What is changed in the lines once they are signed. */
  readonly change?: (lines: string[]) => string[]
}

/** A signed request in one of the forms, sent; its answer. */
async function ask (t: Test, { port, origin }: Around, form: Form, options: Sent = {}): Promise<string> {
  const { method = 'GET', path = '/p?q=1', content, fields = {}, as = {}, change = lines => lines } = options
  const authority = `origin.test:${origin.port}`
  const host = form === 'origin-form' ? 'gateway.test' : authority
  const target = form === 'origin-form' ? `/api${path}` : form === 'CONNECT' ? authority : `http://${authority}${path}`
  const signed = signedLines(
    { method: form === 'CONNECT' ? 'CONNECT' : method, target, headers: { host, ...fields }, ...(content !== undefined && { content }) }, as
  )
  const body = options.sent ?? content ?? ''
  const length = form !== 'CONNECT' && body.length > 0 ? [`Content-Length: ${Buffer.byteLength(body)}`] : []
  const lines = change([...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), ...signed, ...length])
  const client = await RawClient.to(t, port)
  client.send(message(form, authority, lines, { method, path }))
  if (form !== 'CONNECT') client.socket.write(body)
  return await client.answer()
}

const OK = /^HTTP\/1\.1 200 /
const REFUSED = /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Basic [^\r]+\r\nProxy-Authenticate: AWS4-HMAC-SHA256\r\n/

for (const form of FORMS) {
  t.test(`${form}: a signed request gets through, a wrong one does not (R-AWS-3, R-AWS-7, R-AWS-8)`, async t => {
    const surrounded = await around(t)
    t.match(await ask(t, surrounded, form), OK)
    if (form !== 'CONNECT') {
      const { url, headers } = surrounded.origin.seen[0]!
      t.equal(url, '/p?q=1')
      t.match(headers, { 'proxy-authorization': undefined, 'x-amz-date': /^\d{8}T\d{6}Z$/ }, 'what is no credentials passes')
    }
    t.match(surrounded.proxied().at(-1) ?? { user: 'alice' }, { user: 'alice' })
    for (const options of [
      { as: { secretAccessKey: 'wrong' } }, { as: { accessKeyId: 'nobody' } }, { as: { accessKeyId: 'bob' } }, { as: { region: 'other' } },
      { change: (lines: string[]) => lines.map(line => line.replace(/^(x-amz-date: .*)\dZ$/, '$1xZ')) },
      { change: (lines: string[]) => lines.filter(line => !line.startsWith('x-amz-date')) },
      { fields: { 'X-A': 'b' }, change: (lines: string[]) => lines.map(line => line.replace('X-A: b', 'X-A: B')) },
      { change: (lines: string[]) => lines.map(line => line.replace('host;', '')) }
    ]) t.match(await ask(t, surrounded, form, options), REFUSED, JSON.stringify(options))
    t.same(surrounded.refused.map(({ reason }) => reason), ['signature', 'key', 'signature', 'scope', 'date', 'fields', 'signature', 'fields'])
    t.ok(surrounded.origin.seen.length <= 1)
  })
}

t.test('signed fields that are for the origin: they are verified, and pass untouched (R-CRED-4)', async t => {
  const surrounded = await around(t)
  const fields = { Authorization: 'Bearer of-the-origin', Cookie: 'sid=1' }
  t.match(await ask(t, surrounded, 'absolute-form', { fields }), OK)
  t.match(surrounded.origin.seen.pop()?.headers, { authorization: 'Bearer of-the-origin', cookie: 'sid=1' })
  t.match(await ask(t, surrounded, 'absolute-form', { fields, change: lines => lines.map(line => line.replace('sid=1', 'sid=2')) }), REFUSED)
})

for (const form of ['origin-form', 'absolute-form'] as const) {
  t.test(`${form}: content is delivered once, as it was signed (R-AWS-6)`, async t => {
    const surrounded = await around(t)
    const large = randomBytes(3_000_000)
    for (const content of ['a=b', large]) {
      t.match(await ask(t, surrounded, form, { method: 'POST', content }), OK)
      t.ok(surrounded.origin.seen.pop()?.body.equals(Buffer.from(content)))
    }
    t.match(await ask(t, surrounded, form, { method: 'POST', content: 'a=b', sent: 'a=c' }), REFUSED)
    t.match(await ask(t, surrounded, form, { method: 'POST', content: '', sent: 'a=c' }), REFUSED)
    t.match(await ask(t, surrounded, form, { method: 'POST', content: null, sent: 'a=c' }), REFUSED)
    t.same(surrounded.origin.seen, [])
    await until(() => openFiles().length === 0)
  })
}

t.test('a path counts, and goes on, as it is escaped: once, twice or more (R-AWS-3)', async t => {
  const surrounded = await around(t)
  const authority = `origin.test:${surrounded.origin.port}`
  const paths = ['/a%20b', '/a%2520b', '/a%252520b', '/a%2Fb', '/a%252Fb', '/%25', '/%2525', '/%252E%252e/x', '/a+b%2Bc%252Bd?x=%2520&y=%25']
  for (const form of ['origin-form', 'absolute-form'] as const) {
    for (const path of paths) {
      t.match(await ask(t, surrounded, form, { path }), OK, path)
      t.equal(surrounded.origin.seen.pop()?.url, path)
      for (const other of [path.replace('%25', '%'), path.replace('%', '%25'), decodeURIComponent(path)]) {
        if (other === path) continue
        const [host, target] = form === 'origin-form' ? ['gateway.test', `/api${path}`] : [authority, `http://${authority}${path}`]
        const client = await RawClient.to(t, surrounded.port)
        const answer = await client.send(message(form, authority, signedLines({ method: 'GET', target, headers: { host } }), { path: other })).answer()
        t.match(answer, /^HTTP\/1\.1 (?:407|400) /, `${path} is signed and ${other} is sent`)
      }
    }
  }
  t.same(surrounded.origin.seen, [])
})

t.test('UNSIGNED-PAYLOAD by option: content is not kept (R-AWS-6)', async t => {
  const surrounded = await around(t, { unsignedPayload: true }, { authInt: { maxRequest: 2 } })
  t.match(await ask(t, surrounded, 'absolute-form', { method: 'POST', content: null, sent: 'a=c' }), OK)
  t.equal(String(surrounded.origin.seen[0]?.body), 'a=c')
  t.match(await ask(t, surrounded, 'absolute-form', { method: 'POST', content: 'a=c' }), /^HTTP\/1\.1 413 /)
})

t.test('malformed credentials, even 64 KiB of them: the response is 400, in every form (R-CRED-5, R-SEC-3)', async t => {
  const surrounded = await around(t, {}, { fastify: { http: { maxHeaderSize: 128 * 1024 } } as never })
  const signed = Array.from({ length: 5000 }, (_, i) => `x-field-${i}`).join(';')
  for (const form of FORMS) {
    for (const change of [
      (line: string) => line.replace(/Signature=.*/, ''), (line: string) => line.replace('host;', 'Host;'), (line: string) => line.replace('host;', `${signed};`)
    ]) {
      const answer = await ask(t, surrounded, form, { change: lines => lines.map(line => line.startsWith('proxy-auth') ? change(line) : line) })
      t.match(answer, /^HTTP\/1\.1 400 [^]*FST_PROXY_AUTH_MALFORMED_CREDENTIALS/)
      t.notMatch(answer, /x-field|alice/)
    }
  }
  t.same(surrounded.origin.seen, [])
})

t.test('a request that comes again, with a store: it is refused (R-AWS-9)', async t => {
  const surrounded = await around(t, { store: new MemoryStore() })
  const client = await RawClient.to(t, surrounded.port)
  const authority = `origin.test:${surrounded.origin.port}`
  const once = message('CONNECT', authority, signedLines({ method: 'CONNECT', target: authority, headers: {} }))
  t.match(await client.send(once).answer(), OK)
  const again = await RawClient.to(t, surrounded.port)
  t.match(await again.send(once).answer(), REFUSED)
  t.same(surrounded.refused, [{ reason: 'replay', accessKeyId: 'alice' }])
})

t.test('a session token: it reaches the look-up, and the origin', async t => {
  const surrounded = await around(t, { lookup: (id, token) => id === 'alice' && token === 'of-today' ? { secret: 'alice-secret' } : null })
  t.match(await ask(t, surrounded, 'absolute-form', { as: { sessionToken: 'of-today' } }), OK)
  t.match(surrounded.origin.seen.pop()?.headers, { 'x-amz-security-token': 'of-today' })
  t.match(await ask(t, surrounded, 'absolute-form', { as: { sessionToken: 'of-yesterday' } }), REFUSED)
  t.match(await ask(t, surrounded, 'absolute-form', { as: { sessionToken: 'of-today' }, change: lines => lines.filter(line => !line.startsWith('x-amz-sec')) }), REFUSED)
})

t.test('requests signed by aws4 and by @smithy/signature-v4: they are accepted, over sockets (R-AWS-3, R-AWS-6)', async t => {
  const surrounded = await around(t)
  const host = `origin.test:${surrounded.origin.port}`
  const lines = ({ authorization, Authorization = authorization, ...fields }: Record<string, unknown>) =>
    Object.entries({ ...fields, 'Proxy-Authorization': Authorization }).filter(([name]) => name.toLowerCase() !== 'host').map(([name, value]) => `${name}: ${value}`)
  const path = '/a%20b//c/../d?x=%2F&x=1&y'
  const client = await RawClient.to(t, surrounded.port)

  const byAws4 = aws4.sign({ method: 'POST', path, body: 'a=b', headers: { Host: host }, region: 'local', service: 'proxy' }, ALICE_SIGNS)
  t.match(await client.send(message('absolute-form', host, lines(byAws4.headers!), { method: 'POST', path: byAws4.path!, body: 'a=b' })).answer(), OK)

  const signer = new SignatureV4({ credentials: ALICE_SIGNS, region: 'local', service: 'proxy', sha256: Sha256 })
  const query = { x: ['/', '1'], y: '' }
  const bySmithy = await signer.sign({ method: 'POST', protocol: 'http:', hostname: 'origin.test', path: '/a%20b//c/../d', query, body: 'a=b', headers: { host, 'content-length': '3' } })
  t.match(await client.send(message('absolute-form', host, lines(bySmithy.headers), { method: 'POST', path, body: 'a=b' })).answer(), OK)
  t.same(surrounded.origin.seen.map(({ body }) => String(body)), ['a=b', 'a=b'])
})

t.test('curl --aws-sigv4 on a route that is an origin: right signatures are accepted, wrong ones refused (R-AWS-3, R-AWS-6)', { skip: curl.skip }, async t => {
  const upstream = await origin(t)
  const strategy = new Aws4Strategy({ region: 'local', service: 'proxy', lookup: id => id === 'alice' ? { secret: 'alice-secret' } : null })
  const { url } = await gateway(t, { strategies: [strategy], reverse: [{ prefix: '/api', upstream: upstream.url, status: 401 }] })
  const ask = async (...args: string[]) => (await runProgram(t, curl.path, [
    '-q', '-sS', '--max-time', '30', '--aws-sigv4', 'aws:amz:local:proxy', '-o', '/dev/null', '-w', '%{http_code}', ...args
  ])).stdout
  t.equal(await ask('-u', 'alice:alice-secret', `${url}/api/p`), '200')
  t.equal(await ask('-u', 'alice:alice-secret', `${url}/api/p?a=1&b=2`), '200')
  t.equal(await ask('-u', 'alice:alice-secret', '-d', 'a=b', `${url}/api/p`), '200')
  t.equal(await ask('-u', 'alice:wrong', `${url}/api/p`), '401')
  t.equal(await ask('-u', 'mallory:alice-secret', `${url}/api/p`), '401')
  t.same(upstream.seen.map(({ url, body, headers }) => [url, String(body), headers.authorization]), [
    ['/p', '', undefined], ['/p?a=1&b=2', '', undefined], ['/p', 'a=b', undefined]
  ])
})

t.test('a signed request over HTTP/2: the authority counts as the host', async t => {
  const surrounded = await around(t, {}, { fastify: { http2: true } as never })
  const host = `127.0.0.1:${surrounded.port}` // ours: another one would be asked for as from a proxy
  const ask = async (body: string, sent = body) => {
    const session = connect(surrounded.url)
    t.teardown(() => session.destroy())
    const signed = signAws4({ method: 'POST', target: '/api/p', headers: { host }, content: body }, ALICE_SIGNS)
    const stream = session.request({ ':method': 'POST', ':path': '/api/p', ':authority': host, ...signed })
    stream.end(sent)
    const status = new Promise(resolve => stream.once('response', headers => resolve(headers[':status'])))
    await text(stream)
    return await status
  }
  t.equal(await ask('a=b'), 200)
  t.equal(await ask(''), 200)
  t.equal(await ask('a=b', 'a=c'), 407)
  t.same(surrounded.origin.seen.map(({ body }) => String(body)), ['a=b', ''])
})
