// Credentials of every scheme, right, wrong, replayed, mutated, out of turn, several at once, in every form of HTTP/1.1 and HTTP/2.

import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { behave, namesOf } from './harness/behaviours.js'
import { Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import { converseHttp2 } from './harness/http2-client.js'
import { readResponse, valuesOf } from './harness/message.js'
import type { StrictResponse } from './harness/message.js'
import { mutate } from './harness/mutate.js'
import { checkSecrets } from './harness/oracle.js'
import { Random } from './harness/random.js'
import { BASIC, BEARER, OTHER_PASSWORD, PASSWORD, REALM, TOKEN, USER } from './harness/secrets.js'
import { smaller } from './harness/shrink.js'
import type { Settled, World } from './harness/world.js'

/** How credentials are made when they are sent: some depend on what has come until then. */
interface Recipe {
  readonly kind: 'basic' | 'bearer' | 'digest' | 'aws4' | 'ntlm1' | 'ntlm3' | 'text'
  /** What is wrong with them; empty: nothing. */
  readonly flaw: string
  /** Seed of a mutation, 0 for none. */
  readonly mutation: number
}

interface Attempt {
  readonly form: 'reverse' | 'forward' | 'named' | 'origin' | 'own' | 'tunnel'
  readonly method: 'GET' | 'HEAD' | 'POST'
  /** In fields of their own, or in one. */
  readonly joined: boolean
  readonly recipes: readonly Recipe[]
  /** A field for the origin, or for nobody. */
  readonly other: string
}

interface Input {
  readonly client: 'HTTP/1.1' | 'HTTP/2'
  readonly connections: ReadonlyArray<readonly Attempt[]>
}

const FLAWS: Readonly<Record<Recipe['kind'], readonly string[]>> = {
  basic: ['password', 'user', 'empty', 'colon', 'latin1', 'lower', 'unpadded', 'url'],
  bearer: ['token', 'empty', 'lower', 'padded'],
  digest: ['password', 'user', 'nonce', 'uri', 'replay', 'realm', 'qop', 'no qop', 'nc', 'MD5', 'auth-int', 'method', 'twice'],
  aws4: ['secret', 'target', 'replay', 'date', 'region'],
  ntlm1: ['type 2', 'short', 'lower'],
  ntlm3: ['password', 'user', 'elsewhere', 'replay', 'made up', 'mic', 'missing', 'version 1'],
  text: ['Basic', 'Bearer', 'Digest', 'NTLM', 'Negotiate', 'Negotiate YII=', 'Negotiate TlRMTVNTUAABAAAA', 'Unknown x', 'Unknown a="b", c=d', 'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y', '', '"', ',', 'Digest username="alice", nonce="a", uri="/", response="b"', `Digest username="${'a'.repeat(5000)}"`, 'Basic ====', 'Bearer \xe9', 'Digest ,,', 'Digest a=b, a=b', 'Digest username*=UTF-8\'\'%ff', 'Digest =', 'NTLM !', `NTLM ${'A'.repeat(9000)}`, 'Basic\tYQ==', 'Basic  Og==', '\xff']
}
const OTHERS = ['', '', '', 'Authorization: Bearer theirs', 'Authorization: Basic dGhlaXJz', 'Authorization: Negotiate YII=', 'Authorization: Digest username="alice"', 'Proxy-Authorization: Basic bm86bm8=', 'Cookie: a=b', 'Authorization: ']

function recipe (random: Random): Recipe {
  const kind = random.weighted<Recipe['kind']>([4, 'basic'], [2, 'bearer'], [6, 'digest'], [3, 'aws4'], [3, 'ntlm1'], [4, 'ntlm3'], [4, 'text'])
  const flaw = kind === 'text' || random.once(2) ? random.one(FLAWS[kind]) : ''
  return { kind, flaw, mutation: random.once(4) ? 1 + random.integer(1_000_000) : 0 }
}

function attempt (random: Random): Attempt {
  return {
    form: random.one(['reverse', 'reverse', 'forward', 'forward', 'named', 'origin', 'own', 'tunnel']),
    method: random.one(['GET', 'GET', 'HEAD', 'POST']),
    joined: random.once(3),
    recipes: random.some(...random.weighted<[number, number]>([8, [1, 1]], [1, [0, 0]], [2, [2, 3]]), () => recipe(random)),
    other: random.one(OTHERS)
  }
}

/** NTLM in turn, which chance would seldom make. */
function handshake (random: Random): Attempt[] {
  const form = random.one(['reverse', 'forward', 'origin', 'tunnel'] as const)
  const leg = (kind: 'ntlm1' | 'ntlm3', flaw = ''): Attempt => ({ form, method: 'GET', joined: false, recipes: [{ kind, flaw, mutation: random.once(10) ? 1 + random.integer(1000) : 0 }], other: '' })
  return [leg('ntlm1'), ...random.once(5) ? [attempt(random)] : [], leg('ntlm3', random.once(3) ? random.one(FLAWS.ntlm3) : ''), ...random.some(0, 2, () => random.once(2) ? attempt(random) : { ...leg('ntlm1'), recipes: [] })]
}

/** What is known while a run goes on. */
interface Memory {
  /** Challenges of Digest. */
  readonly digest: string[]
  /** Nonces and counts that were used by right credentials. */
  readonly used: Set<string>
  readonly made: Map<Recipe['kind'] | 'challenge', string>
  /** What was signed with AWS4, and how. */
  readonly signed: Array<readonly [request: string, credentials: string]>
  /** Type 2 of NTLM on other connections. */
  readonly elsewhere: string[]
  count: number
}

/** What a connection knows. */
interface Link {
  readonly type1: string
  readonly type2: Set<string>
  last: string
  /** Of NTLM. */
  authenticated: boolean
}

interface Sent {
  readonly id: string
  readonly attempt: Attempt
  /** By an independent reading. */
  readonly admitted: boolean
  /** It must be let in. */
  readonly clean: boolean
  response: StrictResponse | null
}

const md = (algorithm: string | undefined, text: string): string => createHash(algorithm === 'MD5' ? 'md5' : 'sha256').update(text, 'latin1').digest('hex')
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const PATHS: Readonly<Record<Attempt['form'], string>> = { reverse: '/api', forward: 'http://<origin>', named: 'http://<named>', origin: '/as-origin', own: '/own', tunnel: '<tunnel>' }

/** @returns The credentials, and lines of fields that belong to them. */
function make ({ kind, flaw, mutation }: Recipe, making: Making): string[] {
  const [text = '', ...lines] = (kind === 'text' ? flaw : MAKERS[kind](flaw, making)).split('\r\n')
  return [(mutation > 0 ? mutate(new Random(mutation), text) : text).replace(/[\r\n]/g, ' ').trim(), ...lines]
}

interface Making { readonly world: World, readonly memory: Memory, readonly link: Link, readonly method: string, readonly target: string }

const MAKERS: Readonly<Record<Exclude<Recipe['kind'], 'text'>, (flaw: string, making: Making) => string>> = {
  basic: flaw => ({
    password: `Basic ${base64(`${USER}:wrong`)}`,
    user: `Basic ${base64(`nobody:${PASSWORD}`)}`,
    empty: `Basic ${base64(`${USER}:`)}`,
    colon: `Basic ${base64(USER)}`,
    latin1: `Basic ${Buffer.from(`${USER}:\xe9`, 'latin1').toString('base64')}`,
    lower: BASIC.replace('Basic', 'bASIC'),
    unpadded: BASIC.replace(/=+$/, ''),
    url: `Basic ${Buffer.from(`${USER}:\u{fffff}?`).toString('base64url')}`
  })[flaw] ?? BASIC,
  bearer: flaw => ({ token: 'Bearer wrong', empty: 'Bearer ', lower: BEARER.replace('Bearer', 'bearer'), padded: `${BEARER}==` })[flaw] ?? BEARER,
  digest: (flaw, { memory, method, target }) => {
    if (flaw === 'replay') return memory.made.get('digest') ?? 'Digest'
    const challenge = memory.digest.find(each => each.includes('algorithm=MD5') === (flaw === 'MD5')) ?? memory.digest[0] ?? ''
    const opaque = /opaque="([^"]*)"/.exec(challenge)?.[1] ?? ''
    const nonce = flaw === 'nonce' ? 'bm9uY2U=' : /nonce="([^"]*)"/.exec(challenge)?.[1] ?? ''
    const algorithm = flaw === 'MD5' ? 'MD5' : 'SHA-256'
    const [user, password, realm] = [flaw === 'user' ? 'nobody' : USER, flaw === 'password' ? 'wrong' : PASSWORD, flaw === 'realm' ? 'Other' : REALM]
    const uri = flaw === 'uri' ? '/other' : target
    const nc = flaw === 'nc' ? '0000000g' : (++memory.count).toString(16).padStart(8, '0')
    const cnonce = randomBytes(4).toString('hex')
    const qop = flaw === 'qop' ? 'auth-conf' : flaw === 'auth-int' ? 'auth-int' : 'auth'
    const a1 = md(algorithm, `${user}:${realm}:${password}`)
    const a2 = md(algorithm, `${flaw === 'method' ? 'PUT' : method}:${uri}${qop === 'auth-int' ? `:${md(algorithm, '')}` : ''}`)
    const bare = flaw === 'no qop'
    const response = md(algorithm, bare ? `${a1}:${nonce}:${a2}` : `${a1}:${nonce}:${nc}:${cnonce}:${qop}:${a2}`)
    const text = `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", opaque="${opaque}", algorithm=${algorithm}${bare ? '' : `, qop=${qop}, nc=${nc}, cnonce="${cnonce}"`}${flaw === 'twice' ? `, username="${user}"` : ''}`
    memory.made.set('digest', text)
    return text
  },
  aws4: (flaw, { world, memory, method, target }) => {
    if (flaw === 'replay') return memory.made.get('aws4') ?? 'AWS4-HMAC-SHA256'
    const host = target.startsWith('/') ? 'gateway.test' : world.authority('origin')
    const signed = flaw === 'target' ? '/other/x' : target
    const text = world.aws4(method, signed, host) ?? 'AWS4-HMAC-SHA256'
    memory.signed.push([`${method} ${signed}`, text])
    memory.made.set('aws4', text)
    if (flaw === 'secret') return text.replace(/Signature=\w{8}/, 'Signature=00000000')
    if (flaw === 'date') return text.replace(/\/\d{8}\//, '/20200101/')
    return flaw === 'region' ? text.replace('/local/', '/other/') : text
  },
  ntlm1: (flaw, { link }) => flaw === 'type 2' ? `NTLM ${link.last || base64('NTLMSSP\0\x02')}` : flaw === 'short' ? 'NTLM TlRMTVNTUAABAAAA' : flaw === 'lower' ? `ntlm ${link.type1}` : `NTLM ${link.type1}`,
  ntlm3: (flaw, { memory, link }) => {
    if (flaw === 'replay') return memory.made.get('ntlm3') ?? 'NTLM'
    const made = `${base64('NTLMSSP\0\x02\0\0\0').slice(0, 16)}${Buffer.alloc(60).toString('base64')}`
    const challenge = flaw === 'elsewhere' ? memory.elsewhere.findLast(each => !link.type2.has(each)) ?? made : flaw === 'made up' ? made : link.last || made
    try {
      const text = `NTLM ${authenticate(challenge, link.type1, {
        user: flaw === 'user' ? 'nobody' : USER,
        password: flaw === 'password' ? 'wrong' : PASSWORD,
        ...flaw === 'mic' ? { mic: 'wrong' as const } : flaw === 'missing' ? { mic: 'missing' as const } : {},
        ...flaw === 'version 1' ? { ntResponse: Buffer.alloc(24, 1) } : {}
      })}`
      memory.made.set('ntlm3', text)
      memory.made.set('challenge', flaw === '' ? challenge : '')
      return text
    } catch {
      return 'NTLM' // there is no challenge to respond to
    }
  }
}

/** Whether credentials are right, by a reader that knows the accounts and shares nothing with the one under test. */
function isRight (memory: Memory, text: string, method: string, target: string): boolean {
  const basic = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(text)
  if (basic !== null) return [`${USER}:${PASSWORD}`, `bob:${OTHER_PASSWORD}`].includes(Buffer.from(basic[1]!, 'base64').toString())
  const bearer = /^bearer +(\S+)$/i.exec(text)
  if (bearer !== null) return bearer[1] === TOKEN
  if (/^aws4-hmac-sha256 /i.test(text)) return memory.signed.some(([request, credentials]) => request === `${method} ${target}` && sameParts(credentials, text))
  if (!/^digest /i.test(text)) return false
  const parameters = new Map<string, string>()
  for (const [, name = '', quoted, token] of text.slice(7).matchAll(/([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/g)) {
    if (parameters.has(name.toLowerCase())) return false
    parameters.set(name.toLowerCase(), (quoted?.replace(/\\(.)/g, '$1')) ?? token!)
  }
  const get = (name: string): string => parameters.get(name) ?? ''
  const algorithm = parameters.get('algorithm') ?? 'MD5'
  const nonce = get('nonce')
  const key = `${nonce} ${parseInt(get('nc'), 16)}`
  if (get('username') !== USER || get('realm') !== REALM || get('uri') !== target || !memory.digest.some(each => each.includes(`nonce="${nonce}"`)) || memory.used.has(key)) return false
  const a2 = md(algorithm.toUpperCase(), `${method}:${get('uri')}${get('qop') === 'auth-int' ? `:${md(algorithm.toUpperCase(), '')}` : ''}`)
  const right = get('response').toLowerCase() === md(algorithm.toUpperCase(), `${md(algorithm.toUpperCase(), `${USER}:${REALM}:${PASSWORD}`)}:${nonce}:${get('nc')}:${get('cnonce')}:${get('qop')}:${a2}`)
  if (right) memory.used.add(key)
  return right
}

function sameParts (granted: string, text: string): boolean {
  return ['Credential', 'SignedHeaders', 'Signature'].every(name => {
    const part = new RegExp(`${name}\\s*=\\s*([^\\s,]+)`)
    return part.exec(granted)?.[1] === part.exec(text)?.[1]
  })
}

/** Whether a type 3 is right for a challenge of this connection, be it that it was sent before to another role, which had no challenge. */
function isRightNtlm (link: Link, text: string, memory: Memory['made'], flaw: string): boolean {
  const made = memory.get('ntlm3')
  if (made === undefined || !sameProof(made, text)) return false
  if (flaw === 'replay') return link.type2.has(memory.get('challenge')!)
  return flaw === '' && link.last !== '' && link.type2.has(link.last)
}

/** Whether two type 3 messages have the same user, domain and response: nothing else of one without an integrity code is protected. */
function sameProof (made: string, text: string): boolean {
  const parts = (of: string): string => {
    const message = Buffer.from(of.slice(of.indexOf(' ') + 1), 'base64')
    if (message.length < 64) return of
    return [20, 28, 36].map(at => message.subarray(message.readUInt32LE(at + 4), message.readUInt32LE(at + 4) + message.readUInt16LE(at)).toString('hex')).join()
  }
  return parts(made) === parts(text)
}

/** Node refuses a message with such a line, so what credentials it has are not used. */
const FOLDED = /^[ \t]/

interface Prepared { readonly sent: Sent, readonly lines: string[], readonly target: string, readonly method: string }

function prepare (world: World, memory: Memory, link: Link, attempt: Attempt, id: string, isSeen = (_line: string): boolean => !FOLDED.test(attempt.other)): Prepared {
  const { form, recipes, joined, other } = attempt
  const method = form === 'tunnel' ? 'CONNECT' : attempt.method
  const path = PATHS[form].replace(/<(\w+)>/, (_whole, name: string) => world.authority(name))
  const target = form === 'tunnel' || form === 'own' ? path : `${path}/${id}/ok`
  const name = form === 'origin' ? 'Authorization' : 'Proxy-Authorization'
  let authenticates = false
  const extra: string[] = []
  const texts = recipes.map(each => {
    const [text = '', ...more] = make(each, { world, memory, link, method, target })
    extra.push(...more)
    if (each.kind === 'ntlm3' && isRightNtlm(link, text, memory.made, each.flaw)) authenticates = true
    return text
  })
  const values = joined && texts.length > 0 ? [texts.join(', ')] : texts
  const beside = other.startsWith(`${name}:`) && values.length > 0 ? '' : other
  const lines = [...values.map(value => `${name}: ${value}`), ...beside === '' ? [] : [beside], ...extra]
  const own = lines.filter(line => line.startsWith(`${name}:`) && isSeen(line))
  const right = own.length === 1 && isRight(memory, own[0]!.slice(name.length + 2), method, target)
  if (authenticates && own.length === 1) link.authenticated = true
  const clean = right && recipes.length === 1 && recipes[0]!.flaw === '' && recipes[0]!.mutation === 0 && !link.authenticated && link.last === '' && recipes[0]!.kind !== 'aws4'
  return { sent: { id, attempt, admitted: right || link.authenticated, clean, response: null }, lines, target, method }
}

/** The requests of one connection, each behind the response to the one before it. */
async function converse1 (world: World, memory: Memory, attempts: readonly Attempt[], index: number, all: Sent[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: world.ports.plain, noDelay: true })
  const link: Link = { type1: negotiate(), type2: new Set(), last: '', authenticated: false }
  let received = ''
  let over = false
  let wake = (): void => {}
  socket.setEncoding('latin1')
  socket.once('connect', () => { world.connections += 1 })
  socket.on('error', () => {})
  socket.on('data', (chunk: string) => { received += chunk; wake() })
  for (const event of ['end', 'close']) socket.on(event, () => { over = true; wake() })
  let at = 0
  for (const [step, attempt] of attempts.entries()) {
    if (over) break
    const { sent, lines, target, method } = prepare(world, memory, link, attempt, `c${index}x${step}`)
    all.push(sent)
    const host = target.startsWith('/') ? 'gateway.test' : world.authority(attempt.form === 'named' ? 'named' : attempt.form === 'tunnel' ? 'tunnel' : 'origin')
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.map(line => `${line}\r\n`).join('')}${method === 'POST' ? 'Content-Length: 0\r\n' : ''}\r\n`, 'latin1')
    const limit = Date.now() + 4000
    for (;;) {
      const response = readResponse(received, at, method, over)
      if (response?.content.complete === true) {
        sent.response = response
        at = response.end
        break
      }
      if (over || Date.now() > limit) break
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, 500)
        wake = () => { clearTimeout(timer); resolve() }
      })
    }
    if (sent.response === null && !over) throw new Finding('no response', { target, lines })
    const challenges = sent.response === null ? [] : valuesOf(sent.response.fields, attempt.form === 'origin' ? 'www-authenticate' : 'proxy-authenticate')
    link.last = challenges.map(each => /^NTLM (\S+)$/.exec(each)?.[1]).find(token => token !== undefined) ?? ''
    if (link.last !== '') {
      link.type2.add(link.last)
      memory.elsewhere.push(link.last)
    }
    if (method === 'CONNECT' && sent.response !== null && sent.response.status < 300) break
  }
  socket.end()
  if (!over) await new Promise<void>(resolve => { wake = resolve; setTimeout(resolve, 200) })
  socket.destroy()
  return received
}

/** nghttp2 drops a field with these in its value, and tells node nothing of it. */
const INVALID = /[\0-\x08\n-\x1f\x7f]/ // eslint-disable-line no-control-regex

async function converse2 (world: World, memory: Memory, attempts: readonly Attempt[], index: number, all: Sent[]): Promise<string> {
  const link: Link = { type1: negotiate(), type2: new Set(), last: '', authenticated: false }
  const steps = attempts.map((attempt, step) => {
    const { sent, lines, target, method } = prepare(world, memory, link, attempt, `c${index}x${step}`, line => !INVALID.test(line))
    all.push(sent)
    const parts = /^http:\/\/([^/]+)(.*)$/.exec(target)
    const fields = lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)] as const)
    const head = method === 'CONNECT'
      ? [[':method', method], [':authority', target]] as const
      : [[':method', method], [':scheme', 'http'], [':authority', parts?.[1] ?? '<self>'], [':path', parts?.[2] ?? target]] as const
    return { fields: [...head, ...fields], stream: 2 * step + 1, end: true }
  })
  const { received, exchanges } = await converseHttp2(world, { listener: 'h2c', settings: [[1, 0]], steps, credit: true, end: 'fin' })
  for (const [step, sent] of all.slice(-attempts.length).entries()) {
    const fields = exchanges.get(2 * step + 1)?.response ?? null
    if (fields !== null) sent.response = { status: Number(valuesOf(fields, ':status')[0]), fields, content: { text: '', trailers: [], end: 0, complete: true }, interim: [], end: 0 }
  }
  return received
}

const fuzzer: Fuzzer<Input> = {
  name: 'credentials',

  generate (random) {
    return {
      client: random.weighted([3, 'HTTP/1.1'], [1, 'HTTP/2']),
      connections: random.some(1, 3, () => random.once(3) ? handshake(random) : random.some(1, 5, () => attempt(random)))
    }
  },

  async run (world, { client, connections }) {
    world.reset()
    world.origin.respond = behave
    const memory: Memory = { digest: [], used: new Set(), made: new Map(), signed: [], elsewhere: [], count: 0 }
    const { received } = await world.converse({ listener: 'plain', steps: ['GET /api/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n'], end: 'fin' }, ({ received }) => received.includes('\r\n\r\n'))
    memory.digest.push(...[...received.matchAll(/^Proxy-Authenticate: (Digest .*)\r$/gim)].map(([, challenge]) => challenge!))
    const all: Sent[] = []
    let text = ''
    let told: Settled
    try {
      for (const [index, attempts] of connections.entries()) text += await (client === 'HTTP/2' ? converse2 : converse1)(world, memory, attempts, index, all)
    } finally {
      told = await world.settle(client === 'HTTP/2')
    }
    checkSecrets(world, text)
    for (const { attempt, clean, admitted, response } of all) {
      if (response === null) continue
      const { status } = response
      if (status === 500) throw new Finding('a 500', { attempt, codes: told.codes })
      if (clean && (status === 407 || status === 401)) throw new Finding('right credentials were refused', { attempt, fields: response.fields })
      if (!admitted && status < 300) throw new Finding('wrong credentials were let in', { attempt, fields: response.fields })
    }
    for (const { request } of world.origin.arrived) {
      const id = namesOf(request.target)?.id
      const sent = all.find(each => each.id === id)
      if (sent === undefined) throw new Finding('the origin got a request that was not sent', request)
      if (!sent.admitted) throw new Finding('a request with wrong credentials got to the origin', { attempt: sent.attempt, request })
    }
    if (world.origin.faults.length > 0) throw new Finding('the origin got what is no request', world.origin.faults)
    // The world has made one to see that all are over.
    const tunnels = 1 + all.filter(({ attempt: { form }, admitted }) => form === 'tunnel' && admitted).length
    if (world.tunnels.tunnel.connections.length > tunnels) throw new Finding('a tunnel without credentials', all.map(({ attempt }) => attempt))
  },

  * shrink (input) {
    for (const each of smaller(input) as Iterable<Input>) {
      if (/^HTTP\/(?:1\.1|2)$/.test(each.client) && each.connections.flat().every(({ form, method, recipes }) => form in PATHS && ['GET', 'HEAD', 'POST'].includes(method) && recipes.every(({ kind, flaw }) => kind === 'text' || flaw === '' || FLAWS[kind]?.includes(flaw) === true))) yield each
    }
  }
}

export default fuzzer
