// Clients of HTTP/1.0 and 1.1: every form, pipelined, split, aborted, mutated.

import { BEHAVIOURS, behave } from './harness/behaviours.js'
import { Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import { checkOrigin, checkResponses, checkSecrets, isAnswered, readAsked, spills } from './harness/oracle.js'
import { mutate } from './harness/mutate.js'
import type { Random } from './harness/random.js'
import { OTHER_BASIC } from './harness/secrets.js'
import { smaller } from './harness/shrink.js'
import type { Conversation, Listener, Dialogue as Spoken, Step } from './harness/world.js'

type Dialogue = Spoken & {
  /** Does not wait for its responses before it leaves. */
  readonly hasty?: boolean
}

/** Connections, and whether they are open at the same time. */
interface Input {
  readonly together: boolean
  readonly dialogues: readonly Dialogue[]
}

const LISTENERS: readonly Listener[] = ['plain', 'plain', 'plain', 'plain', 'tls', 'h2']
const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'TRACE', 'QUERY', 'PROPFIND', 'MKCOL', 'M-SEARCH', 'PURGE', 'LINK']
const PREFIXES = ['/api', '/api', '/api', '/ws', '/given', '/t/x', '/t/%3f', '/as-origin', '/open', 'http://<origin>', 'http://<origin>', 'http://<named>', 'http://<closed>', 'https://<origin>']
const OWN = ['/own', '/echo', '/free', '/versioned', '/none', '/', '/proxy.pac', '/api', '*', '//', 'http://127.0.0.1:1/x', 'http://none.test/']
const TUNNELS = ['<tunnel>', '<tunnel>', '<tunnel>', '<talker>', '<resetter>', '<closed>', 'none.test:443', '127.0.0.1:22', '[::1]:1', '127.0.0.1', 'x', '/own']
const NAMES = ['X-A', 'x-a', 'Cookie', 'Accept-Version', 'Max-Forwards', 'Te', 'Trailer', 'Range', 'Via', 'X-User', 'X-Forwarded-For', 'Forwarded', 'Keep-Alive', 'Proxy-Connection', 'If-None-Match', 'Content-Type', 'Content-Encoding', 'Date', 'Authorization', 'Origin', '__proto__', 'constructor']
const VALUES = ['', 'a', '1', '0', 'a, b', '"q\\"t"', '1.2.0', '*', 'trailers', 'keep-alive', 'close', 'text/plain', 'application/json', '\xe9', 'x'.repeat(300), '\t a', 'timeout=1', 'evil']
const CONNECTIONS = ['close', 'keep-alive', 'Keep-Alive, X-A', 'upgrade', 'Upgrade, close', 'proxy-authorization', 'host', 'content-length', 'x-user', 'te', ',', 'a'.repeat(50)]
const PROTOCOLS = ['websocket', 'websocket', 'h2c', 'tcp', 'WebSocket', 'websocket, h2c', 'TLS/1.0']
const WRONG = [
  'Basic YWxpY2U6d3Jvbmc=', 'Basic', 'Basic !', 'Bearer x', 'Bearer', 'Digest', 'Digest username="alice"', 'NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==',
  'NTLM x', 'AWS4-HMAC-SHA256 Credential=x', 'Unknown x', '', '"', 'Digest username=alice, nonce="a", uri="/", response="b", qop=auth, nc=00000001, cnonce="c"'
]

/** A request that goes through, as those of most clients do: what is odd is in when and how it comes, and in what the origin does. */
function sound (random: Random, id: string): string {
  const kind = random.weighted([6, 'proxied'], [2, 'CONNECT'], [2, 'upgrade'])
  const method = random.one(['GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
  const path = `/${id}/${kind === 'upgrade' ? 'switches' : random.one(Object.keys(BEHAVIOURS))}`
  const verb = kind === 'CONNECT' ? kind : kind === 'upgrade' ? 'GET' : method
  const target = kind === 'CONNECT'
    ? random.one(['<tunnel>', '<tunnel>', '<talker>', '<resetter>'])
    : random.one(['/api', '/ws', '/given', '/t/x', '/open', 'http://<origin>', 'http://<named>']) + path
  const lines = [`${verb} ${target} HTTP/1.${random.once(8) ? 0 : 1}`, `Host: ${kind === 'CONNECT' ? target : '<origin>'}`, `Proxy-Authorization: ${right(random, verb, target)}`]
  if (kind === 'upgrade') {
    lines.push('Connection: Upgrade', `Upgrade: ${random.one(['websocket', 'websocket', 'tcp', 'h2c'])}`, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
  }
  const text = verb === 'POST' || verb === 'PUT' ? content(random, id) : ''
  if (text !== '' && random.once(5)) lines.push('Expect: 100-continue')
  if (random.once(8)) lines.push(`Connection: ${random.one(['close', 'keep-alive', 'X-A'])}`)
  if (text === '') return [...lines, '', ''].join('\r\n')
  if (random.once(2)) return [...lines, `Content-Length: ${text.length}`, '', text].join('\r\n')
  return [...lines, 'Transfer-Encoding: chunked', 'TE: trailers', '', text.length.toString(16), text, '0', 'X-T: 1', '', ''].join('\r\n')
}

/** Right credentials. */
function right (random: Random, method: string, target: string): string {
  return random.weighted([8, '<basic>'], [2, '<bearer>'], [1, `<digest ${method} ${target}>`], [1, `<aws4 ${method} ${target} <origin>>`])
}

/** A request with anything odd. */
function message (random: Random, id: string): string {
  const method = random.one(METHODS)
  const kind = random.weighted([10, 'proxied'], [4, 'CONNECT'], [3, 'upgrade'], [2, 'own'], [1, 'odd'])
  const behaviour = kind === 'upgrade' && !random.once(3) ? 'switches' : random.one(Object.keys(BEHAVIOURS))
  const path = `/${id}/${behaviour}${random.once(8) ? '?a=/b&c' : ''}`
  const target = kind === 'CONNECT' ? random.one(TUNNELS) : kind === 'own' ? random.one(OWN) : `${random.one(PREFIXES)}${path}`
  const version = random.weighted([12, 'HTTP/1.1'], [2, 'HTTP/1.0'], [1, random.one(['HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', ''])])
  const verb = kind === 'CONNECT' ? 'CONNECT' : kind === 'odd' ? random.one(['PRI', 'get', 'G\xc9T', '', 'CONNECT', 'TRACE']) : method
  const lines = [`${verb} ${target}${version === '' ? '' : ' '}${version}`]
  if (!random.once(30)) lines.push(`Host: ${random.weighted([6, kind === 'CONNECT' ? target : '<origin>'], [2, 'gateway.test'], [1, random.one(['', 'a b', 'u:p@h', 'x:99999'])])}`)
  if (random.once(60)) lines.push('Host: twice')
  lines.push(...credentials(random, verb, target))
  if (kind === 'upgrade') {
    lines.push('Connection: Upgrade', ...random.some(1, 2, () => `Upgrade: ${random.one(PROTOCOLS)}`))
    if (!random.once(4)) lines.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
    if (random.once(4)) lines.push('HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA')
  }
  if (random.once(4)) lines.push(`Connection: ${random.one(CONNECTIONS)}`)
  if (random.once(6)) lines.push(`Expect: ${random.one(['100-continue', '100-continue', 'x', '100-Continue', ''])}`)
  lines.push(...random.some(0, 2, () => `${random.one(NAMES)}: ${random.one(VALUES)}`))
  if (random.once(25)) return crowded(random, lines, id)
  return framed(random, lines, verb, id)
}

/** Near and beyond the limits of node, which keeps 1,000 lines of a head and takes 16 KiB. What it drops may be the framing. */
function crowded (random: Random, lines: string[], id: string): string {
  const line = random.one(['a:', 'a:b', 'Upgrade: h2c', 'Cookie: a', 'X-A: 1'])
  const count = random.weighted([1, random.integer(40)], [4, 960 + random.integer(60)], [1, 2100])
  lines.push(...random.once(2) ? ['Connection: upgrade'] : [], ...random.some(0, 40, () => 'Upgrade: h2c'), ...Array<string>(count).fill(line))
  const text = smuggled(random, id)
  const chunked = random.once(3)
  const content = chunked ? `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n` : text
  return [...lines, chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${text.length}`, '', content].join('\r\n')
}

function credentials (random: Random, method: string, target: string): string[] {
  const name = target.startsWith('/as-origin') ? 'Authorization' : 'Proxy-Authorization'
  return random.weighted<() => string[]>(
    [14, () => [`${name}: ${right(random, method, target)}`]],
  [3, () => []],
  [3, () => [`${name}: ${random.one(WRONG)}`]],
  [1, () => [`${name}: ${right(random, method, target)}`, `${name}: ${right(random, method, target)}`]],
  [1, () => [`${name}: ${right(random, method, target)}, ${random.one(WRONG)}`]],
  [1, () => [`${random.one(['proxy-authorization', 'PROXY-AUTHORIZATION', 'Proxy-Authorization ', 'Proxy_Authorization'])}: ${right(random, method, target)}`]]
  )()
}

/** The head and content of a request, framed well or badly. */
function framed (random: Random, lines: string[], method: string, id: string): string {
  const text = content(random, id)
  const head = (...framing: string[]): string => [...lines, ...framing, '', ''].join('\r\n')
  const chunks = (): string => text === '' ? '' : random.once(2) ? `${text.length.toString(16)}\r\n${text}\r\n` : [...text.match(/[^]{1,7}/g)!].map(part => `${part.length.toString(16)}${random.once(9) ? ';a="b"' : ''}\r\n${part}\r\n`).join('')
  const trailers = random.once(4) ? random.one(['X-T: 1\r\n', 'Proxy-Authorization: Basic x\r\n', 'Content-Length: 3\r\n', 'Host: x\r\n', 'a\r\n']) : ''
  const bare = method === 'GET' || method === 'HEAD' || method === 'CONNECT' || method === 'TRACE'
  return random.weighted<() => string>(
    [bare ? 30 : 3, () => head()],
  [10, () => `${head(`Content-Length: ${text.length}`)}${text}`],
  [8, () => `${head('Transfer-Encoding: chunked')}${chunks()}0\r\n${trailers}\r\n`],
  [1, () => `${head(`Content-Length: ${text.length}`, 'Transfer-Encoding: chunked')}${chunks()}0\r\n\r\n`],
  [1, () => `${head(`Content-Length: ${random.one(['+5', '5, 5', '-1', '0x5', '5 ', '', '99999999999999999999', '4', '6'])}`)}hello`],
  [1, () => `${head(`Transfer-Encoding: ${random.one(['chunked, identity', 'identity', 'gzip, chunked', 'chunked, chunked', 'xchunked', '\x0bchunked', 'Chunked'])}`)}${chunks()}0\r\n\r\n`],
  [1, () => `${head('Transfer-Encoding: chunked')}${random.one(['5\nhello\r\n0\r\n\r\n', '5\r\nhello0\r\n\r\n', '-1\r\n\r\n', '0x5\r\nhello\r\n0\r\n\r\n', 'fffffffffffffffff\r\n', '5 \r\nhello\r\n0\r\n\r\n', '5;\r\nhello\r\n0\r\n\r\n', '\r\n0\r\n\r\n'])}`],
  [2, () => `${head()}${text}`]
  )()
}

/** Text, octets, or a whole request that must not be taken for one. */
function content (random: Random, id: string): string {
  return random.weighted<() => string>(
    [4, () => ''],
  [6, () => 'hello'],
  [3, () => random.octets(random.integer(40))],
  [1, () => 'x'.repeat(random.one([1000, 70_000, 300_000]))],
  [4, () => smuggled(random, id)]
  )()
}

/** A request with credentials, to stand in a content. */
function smuggled (random: Random, id: string): string {
  return `GET ${random.one(['/api', 'http://<origin>'])}/s${id}/ok HTTP/1.1\r\nHost: x\r\nProxy-Authorization: ${OTHER_BASIC}\r\n\r\n`
}

/** Sends the text in pieces, cut anywhere, with pauses. */
function split (random: Random, text: string): Step[] {
  const steps: Step[] = []
  if (random.once(20)) steps.push({ read: false })
  const cuts = random.once(3) ? random.some(1, 4, () => random.integer(text.length + 1)).sort((a, b) => a - b) : []
  let at = 0
  for (const cut of [...cuts, text.length]) {
    steps.push(text.slice(at, cut))
    if (cut < text.length) steps.push(random.once(4) ? { wait: 'response' } : { pause: random.integer(4) })
    at = cut
  }
  if (random.once(3)) steps.push({ wait: 'response' })
  if (random.once(10)) steps.push({ pause: random.integer(15) }, random.octets(random.integer(30)))
  return steps
}

function dialogue (random: Random, index: number): Dialogue {
  const isSound = random.once(2)
  let text = ''
  for (let i = 0, count = random.weighted([5, 1], [3, 2], [2, 3], [1, 6]); i < count; i++) {
    const id = `${index}x${i}`
    if (isSound && !random.once(8)) {
      text += sound(random, id)
      continue
    }
    let next = message(random, id)
    for (let changes = random.weighted([4, 0], [1, 1 + random.integer(3)]); changes > 0; changes--) next = mutate(random, next)
    text += next
  }
  if (random.once(isSound ? 12 : 4)) text += random.one(['octets of the tunnel', '\r\n', '\x16\x03\x01\x00\x05', 'GET / HTTP/1.1\r\n'])
  const aborted = random.once(6) ? text.slice(0, random.integer(text.length + 1)) : text
  return { listener: random.one(LISTENERS), steps: split(random, aborted), end: random.once(6) ? 'rst' : 'fin', hasty: random.once(4) }
}

const fuzzer: Fuzzer<Input> = {
  name: 'http1',

  generate (random) {
    return { together: random.once(2), dialogues: random.some(1, random.once(4) ? 4 : 1, index => dialogue(random, index)) }
  },

  async run (world, { together, dialogues }) {
    world.reset()
    world.origin.respond = behave
    const conversations: Conversation[] = []
    const converse = async (each: Dialogue): Promise<void> => {
      conversations.push(await world.converse(each, conversation => each.hasty === true || isAnswered(world, conversation)))
    }
    if (together) await Promise.all(dialogues.map(converse))
    else for (const each of dialogues) await converse(each)
    const asked = conversations.map(({ sent }) => readAsked(world, sent))
    if (conversations.some(({ sent }, index) => spills(world, sent, asked[index]!))) world.traces = []
    const told = await world.settle()
    for (const [index, conversation] of conversations.entries()) {
      const end = checkResponses(world, conversation, asked[index]!, told)
      checkSecrets(world, conversation.received.slice(0, end))
      if (!conversation.closed) throw new Finding('a connection stays open behind the client\'s FIN', conversation)
    }
    checkOrigin(world, asked)
  },

  * shrink (input) {
    for (const each of smaller(input) as Iterable<Input>) {
      if (each.dialogues.every(({ listener, end }) => LISTENERS.includes(listener) && (end === 'fin' || end === 'rst'))) yield each
    }
  }
}

export default fuzzer
