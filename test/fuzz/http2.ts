// Clients of HTTP/2: frames in any order, odd fields, windows, resets, floods, tunnels and WebSockets (RFC 8441).

import { BEHAVIOURS, behave } from './harness/behaviours.js'
import { Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import { FRAME, converseHttp2 } from './harness/http2-client.js'
import type { Http2Dialogue, Http2Step } from './harness/http2-client.js'
import { checkHttp2Responses, readHttp2Asked, spillsHttp2 } from './harness/http2-oracle.js'
import type { Field } from './harness/message.js'
import { checkOrigin, checkSecrets } from './harness/oracle.js'
import type { Random } from './harness/random.js'
import { smaller } from './harness/shrink.js'

/** Node 20 keeps a session that an error of the connection has broken, until it has been idle for long. */
const KEEPS_BROKEN = process.versions.node.startsWith('20.')

interface Input {
  readonly dialogues: readonly Http2Dialogue[]
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'QUERY', 'PRI', 'get', '', 'G T']
const OWN = ['/own', '/echo', '/free', '/versioned', '/none', '/', '/proxy.pac', '/api', '*', '//', '/api?', '/api/..%2f']
const AUTHORITIES = ['<self>', '<self>', '<self>', '<origin>', '<origin>', '<named>', '<closed>', 'gateway.test', 'u:p@<self>', '', 'x', 'a b', '<origin>/x', '127.0.0.1:1']
const TUNNELS = ['<tunnel>', '<tunnel>', '<talker>', '<resetter>', '<closed>', '<origin>', 'none.test:443', '127.0.0.1:22', 'x', '', '<self>', 'u:p@<tunnel>']
const WRONG = ['Basic YWxpY2U6d3Jvbmc=', 'Basic', 'Bearer x', 'Digest', 'NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAKAGFKAAAADw==', 'AWS4-HMAC-SHA256 Credential=x', 'Unknown x', '', '"']
const ODD: readonly Field[] = [
  ['connection', 'close'], ['transfer-encoding', 'chunked'], ['upgrade', 'h2c'], ['te', 'gzip'], ['te', 'trailers'], ['host', 'other.test'], ['host', '<origin>'],
  ['X-Upper', 'a'], ['', 'a'], ['x y', 'a'], ['x-a', 'a\r\nb: c'], ['x-a', '\0'], ['x-a', ' a '], ['x-a', ''], ['x-a', '\xe9'], [':odd', 'a'], [':status', '200'], [':path', '/api/a/ok'],
  [':method', 'GET'], [':authority', '<origin>'], [':scheme', 'https'], [':protocol', 'websocket'], ['content-length', '5'], ['content-length', '0'], ['content-length', '-1'], ['content-length', '5, 5'],
  ['expect', '100-continue'], ['expect', 'x'], ['max-forwards', '0'], ['max-forwards', '1'], ['via', '1.1 fuzzed'], ['x-user', 'root'], ['cookie', 'a=b'], ['authorization', 'Bearer theirs'],
  ['proxy-connection', 'keep-alive'], ['keep-alive', '1'], ['x-large', 'x'.repeat(20_000)], ['http2-settings', 'AAMAAABk'], ['trailer', 'x-t'], ['__proto__', 'a'], ['constructor', 'b'], ['accept-version', '1.2.0'],
  ['upgrade-insecure-requests', '1'], ['range', 'bytes=0-1'], ['date', 'a'], ['date', 'b'], ['content-type', 'application/json'], ['origin', 'null'], ['sec-websocket-version', '13'], ['sec-websocket-key', 'x']
]

function credentials (random: Random, method: string, target: string, name: string): Field[] {
  const right = (): string => random.weighted([8, '<basic>'], [2, '<bearer>'], [1, `<digest ${method} ${target}>`], [1, `<aws4 ${method} ${target} <origin>>`])
  return random.weighted<() => Field[]>(
    [14, () => [[name, right()]]],
  [4, () => []],
  [3, () => [[name, random.one(WRONG)]]],
  [1, () => [[name, right()], [name, right()]]],
  [1, () => [[name, right()], [name, random.one(WRONG)]]]
  )()
}

/** The fields of a request. */
function head (random: Random, id: string): Field[] {
  const kind = random.weighted([10, 'request'], [4, 'tunnel'], [3, 'socket'])
  const behaviour = kind === 'socket' && !random.once(3) ? 'switches' : random.one(Object.keys(BEHAVIOURS))
  const prefix = kind === 'socket' && !random.once(3) ? random.one(['/ws', '/given', '']) : random.one(['/api', '/api', '/ws', '/given', '/t/x', '/t/%3f', '/as-origin', '/open', ''])
  const path = random.once(8) ? random.one(OWN) : `${prefix}/${id}/${behaviour}${random.once(8) ? '?a=/b#c' : ''}`
  const authority = random.once(3) || prefix === '' ? random.one(AUTHORITIES) : '<self>'
  const method = random.one(METHODS)
  const scheme = random.weighted([6, 'https'], [6, 'http'], [1, 'ftp'], [1, ''])
  const name = path.startsWith('/as-origin') ? 'authorization' : 'proxy-authorization'
  const fields: Field[] = kind === 'tunnel'
    ? [[':method', 'CONNECT'], [':authority', random.one(TUNNELS)], ...credentials(random, 'CONNECT', '<tunnel>', name)]
    : kind === 'socket'
      ? [[':method', 'CONNECT'], [':protocol', random.weighted([5, 'websocket'], [1, 'WebSocket'], [1, 'connect-udp'], [1, ''])], [':scheme', scheme], [':path', path], [':authority', authority], ['sec-websocket-version', '13'], ...credentials(random, 'GET', path, name)]
      : [[':method', method], [':scheme', scheme], [':authority', authority], [':path', path], ...credentials(random, method, path, name)]
  if (random.once(3)) fields.push(random.one(ODD))
  if (random.once(6)) fields.push(random.one(ODD), random.one(ODD))
  if (random.once(12)) {
    const at = random.integer(fields.length)
    const to = random.integer(fields.length)
    const [moved] = fields.splice(at, 1)
    if (!random.once(3)) fields.splice(to, 0, moved!)
  }
  if (random.once(20)) fields.splice(random.integer(fields.length), 0, random.one(fields))
  if (random.once(60)) fields.push(...Array<Field>(random.one([100, 990, 2100])).fill(random.one<Field>([['x-a', ''], ['cookie', 'a'], ['x-a', 'b']])))
  return fields
}

/** What may come of a stream behind its head. */
function behind (random: Random, stream: number): Http2Step[] {
  const code = (value: number): string => `\0\0\0${String.fromCharCode(value)}`
  return random.some(0, 4, () => random.weighted<() => Http2Step>(
    [6, () => ({ data: random.weighted([4, 'hello'], [2, random.octets(random.integer(40))], [1, ''], [1, 'x'.repeat(random.one([1000, 60_000]))]), stream, end: random.once(3), ...random.once(5) ? { pad: random.integer(200) } : {} })],
  [3, () => ({ pause: random.integer(6) })],
  [3, () => ({ wait: stream })],
  [2, () => ({ frame: FRAME.reset, flags: 0, stream, payload: code(random.integer(14)) })],
  [1, () => ({ fields: random.weighted<Field[]>([3, [['x-trailer', 'a']]], [1, [random.one(ODD)]], [1, head(random, `t${stream}`)]), stream, end: !random.once(4) })],
  [1, () => ({ frame: FRAME.window, flags: 0, stream, payload: random.one(['\0\0\0\0', '\0\0\0\x01', '\0\x01\0\0', '\x7f\xff\xff\xff', '']) })]
  )())
}

/** What a connection may do beside its streams. */
function beside (random: Random, most: number): Http2Step[] {
  const setting = (id: number, value: string): Http2Step => ({ frame: FRAME.settings, flags: 0, stream: 0, payload: `\0${String.fromCharCode(id)}${value}` })
  const frame = (type: number, stream: number, payload: string, flags = 0): Http2Step => ({ frame: type, flags, stream, payload })
  const stream = random.integer(most + 2)
  return random.weighted<() => Http2Step[]>(
    [4, () => [setting(4, random.one(['\0\0\0\0', '\0\0\0\x01', '\0\0\xff\xff', '\x7f\xff\xff\xff', '\xff\xff\xff\xff']))]],
  [1, () => [setting(random.one([2, 3, 5, 6, 8, 9]), random.one(['\0\0\0\0', '\0\0\0\x01', '\0\0\x40\0', '\x7f\xff\xff\xff']))]],
  [2, () => Array<Http2Step>(random.one([1, 30, 300])).fill(frame(FRAME.ping, 0, '12345678'))],
  [2, () => Array<Http2Step>(random.one([2, 30, 200])).fill(setting(4, '\0\x01\0\0'))],
  [2, () => [frame(FRAME.window, 0, random.one(['\0\0\0\0', '\0\x10\0\0', '\x7f\xff\xff\xff']))]],
  [1, () => [frame(FRAME.away, 0, `\0\0\0\0\0\0\0${String.fromCharCode(random.integer(14))}`)]],
  [1, () => [frame(FRAME.priority, stream, random.one(['\0\0\0\0\x10', '\x80\0\0\x01\0', 'x']))]],
  [1, () => [frame(FRAME.continuation, stream, '')]],
  [1, () => [frame(FRAME.push, stream, '\0\0\0\x02')]],
  [1, () => [frame(FRAME.reset, stream, random.one(['\0\0\0\x08', 'x']))]],
  [1, () => [frame(random.one([10, 16, 77, 255]), stream, random.octets(random.integer(20)), random.integer(256))]],
  [1, () => [frame(random.one([FRAME.ping, FRAME.settings]), random.integer(2), 'x', random.integer(2))]],
  [1, () => [{ octets: random.one(['\0\0\x01', 'GET / HTTP/1.1\r\n\r\n', '\xff'.repeat(30), '\0']) }]],
  [1, () => [{ read: false }]]
  )()
}

function dialogue (random: Random, index: number): Http2Dialogue {
  const streams = random.weighted([5, 1], [3, 2], [2, 4], [1, 8])
  const queues: Http2Step[][] = Array.from({ length: streams }, (_, i) => {
    const stream = random.once(40) ? random.integer(6) : 2 * i + 1
    const rest = behind(random, stream)
    return [{
      fields: head(random, `${index}x${i}`),
      stream,
      end: rest.length === 0 ? !random.once(5) : random.once(4),
      ...random.once(6) ? { parts: 1 + random.integer(5) } : {},
      ...random.once(8) ? { pad: random.integer(100) } : {},
      ...random.once(8) ? { weight: random.integer(256) } : {}
    }, ...rest]
  })
  const steps: Http2Step[] = []
  // Streams open in order, unless odd; what is behind their heads is mixed.
  const mixed = random.once(2)
  while (queues.length > 0) {
    const at = mixed ? random.integer(queues.length) : 0
    const queue = queues[steps.length === 0 ? 0 : at]!
    const opened = queue[0] !== undefined && 'fields' in queue[0] && queues.indexOf(queue) > 0 && !random.once(40)
    const from = opened ? queues.find(each => each[0] !== undefined && 'fields' in each[0]) ?? queue : queue
    const step = from.shift()
    if (step !== undefined) steps.push(step)
    if (from.length === 0) queues.splice(queues.indexOf(from), 1)
    if (random.once(8)) steps.push(...beside(random, streams * 2))
  }
  const settings: Array<[number, number]> = [[1, 0]]
  if (random.once(4)) settings.push([4, random.one([0, 1, 100, 1_000_000, 0x7fffffff])])
  if (random.once(10)) settings.push([random.one([2, 3, 5, 6, 8]), random.one([0, 1, 16_384, 100_000])])
  return { listener: random.one(['h2c', 'h2c', 'h2']), settings, steps, credit: !random.once(5), end: random.weighted([8, 'fin'], [1, 'away'], [2, 'rst']) }
}

const fuzzer: Fuzzer<Input> = {
  name: 'http2',

  generate (random) {
    return { dialogues: random.some(1, random.once(5) ? 3 : 1, index => dialogue(random, index)) }
  },

  async run (world, { dialogues }) {
    world.reset()
    world.origin.respond = behave
    const talks = await Promise.allSettled(dialogues.map(async each => await converseHttp2(world, each)))
    const conversations = talks.flatMap(talk => talk.status === 'fulfilled' ? [talk.value] : [])
    if (conversations.some(each => spillsHttp2(world, each))) world.traces = []
    const told = await world.settle(KEEPS_BROKEN)
    for (const talk of talks) if (talk.status === 'rejected') throw talk.reason
    const asked = conversations.map(each => readHttp2Asked(world, each))
    for (const [index, conversation] of conversations.entries()) {
      checkHttp2Responses(world, conversation, asked[index]!, told)
      checkSecrets(world, conversation.received)
      if (!conversation.closed) throw new Finding('a connection stays open behind the client\'s FIN', [...conversation.exchanges])
    }
    checkOrigin(world, asked.flat().map(each => [each]))
  },

  * shrink (input) {
    for (const each of smaller(input) as Iterable<Input>) {
      if (each.dialogues.every(({ listener, end, steps }) => ['h2', 'h2c'].includes(listener) && ['fin', 'away', 'rst'].includes(end) &&
        steps.every(step => !('fields' in step) || step.fields.every(field => field.length === 2)))) yield each
    }
  }
}

export default fuzzer
