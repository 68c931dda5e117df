// A parent that dies, in each phase of a request: the status that the guide tells, in time, one line in the log, and no socket. With a
// second parent no request fails that had not begun.
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { closedPort } from '../fixtures/closed-port.js'
import { ABSOLUTE, HALF, NO_LIMIT, TARGET, TUNNELLED, tryParent } from '../fixtures/parent-trial.js'
import type { TrialForm, TrialLimits, TrialOutcome } from '../fixtures/parent-trial.js'
import { stalledListener } from '../fixtures/stalled-listener.js'

/** How long a parent may hang, in ms. */
const LIMIT = 1000
/** How many requests are under way at a time: most of them wait for a limit. */
const LANES = 8

/** How a connection dies. `refuse`: there is none. */
type Death = 'refuse' | 'reset' | 'end' | 'hang'

/** The last that the parent does. */
type Phase = typeof PHASES[number]
const PHASES = [
  'nothing', 'takes the connection', 'gets the first of TLS', 'gets the head', 'gets what it is asked before content', 'sends half of its head',
  'sends half of its 407', 'gets the second leg', 'gets half of the content', 'sends half of its content', 'carries a tunnel'
] as const
/** Where it asks for Digest. */
const ASKING = new Set<Phase>(['gets what it is asked before content', 'sends half of its 407', 'gets the second leg'])

/** What comes of it: the status, ` cut` where the response breaks off, and what the log says: a reason, or by whom. */
interface Row {
  readonly phase: Phase
  readonly forms: readonly TrialForm[]
  readonly outcomes: Partial<Record<Death, string | RegExp>>
  /** The same with a second parent: whether that has served the request. */
  readonly second: boolean | 'perhaps'
}

const ALL = [...ABSOLUTE, ...TUNNELLED]
const BROKEN = { reset: '502 PARENT_PROTOCOL', end: '502 PARENT_PROTOCOL', hang: '504 PARENT_TIMEOUT' }
/** Whether it came to a request before the end is chance. */
const AT_ONCE = { reset: /^502 PARENT_(?:UNREACHABLE|PROTOCOL)$/, end: /^502 PARENT_(?:UNREACHABLE|PROTOCOL)$/ }
const SERVED = '200 tried'

const ROWS: readonly Row[] = [
  { phase: 'nothing', forms: ALL, outcomes: { refuse: '502 PARENT_UNREACHABLE', hang: '504 PARENT_TIMEOUT' }, second: true },
  { phase: 'takes the connection', forms: ABSOLUTE, outcomes: AT_ONCE, second: 'perhaps' },
  { phase: 'takes the connection', forms: TUNNELLED, outcomes: AT_ONCE, second: true },
  { phase: 'gets the first of TLS', forms: ALL, outcomes: { ...BROKEN, reset: '502 PARENT_UNREACHABLE', end: '502 PARENT_UNREACHABLE' }, second: true },
  { phase: 'gets the head', forms: ABSOLUTE, outcomes: BROKEN, second: false },
  { phase: 'gets the head', forms: TUNNELLED, outcomes: BROKEN, second: true },
  { phase: 'gets what it is asked before content', forms: ['POST'], outcomes: BROKEN, second: true },
  { phase: 'sends half of its head', forms: ABSOLUTE, outcomes: BROKEN, second: false },
  { phase: 'sends half of its head', forms: TUNNELLED, outcomes: BROKEN, second: true },
  // The login goes on, on another connection.
  { phase: 'sends half of its 407', forms: ABSOLUTE, outcomes: { reset: SERVED, end: SERVED, hang: SERVED }, second: false },
  { phase: 'sends half of its 407', forms: TUNNELLED, outcomes: { reset: SERVED, end: SERVED }, second: false },
  { phase: 'sends half of its 407', forms: TUNNELLED, outcomes: { hang: '504 PARENT_TIMEOUT' }, second: true },
  { phase: 'gets the second leg', forms: ABSOLUTE, outcomes: BROKEN, second: false },
  { phase: 'gets the second leg', forms: TUNNELLED, outcomes: BROKEN, second: true },
  { phase: 'gets half of the content', forms: ['POST'], outcomes: BROKEN, second: false },
  // What comes out of a tunnel is the target's.
  { phase: 'gets half of the content', forms: ['reverse POST'], outcomes: { reset: '502 UPSTREAM_TERMINATED', end: '502 UPSTREAM_TERMINATED', hang: '504 UPSTREAM_TIMEOUT' }, second: false },
  { phase: 'sends half of its content', forms: ABSOLUTE, outcomes: { reset: '200 cut PARENT_PROTOCOL', end: '200 cut PARENT_PROTOCOL', hang: '200 cut PARENT_TIMEOUT' }, second: false },
  {
    phase: 'sends half of its content',
    forms: ['reverse GET', 'reverse POST'],
    outcomes: { reset: '200 cut UPSTREAM_TERMINATED', end: '200 cut UPSTREAM_TERMINATED', hang: '200 cut UPSTREAM_TIMEOUT' },
    second: false
  },
  { phase: 'carries a tunnel', forms: ['CONNECT'], outcomes: { reset: '200 ECONNRESET', end: SERVED, hang: '200 idle' }, second: false }
]

const CHALLENGE = 'HTTP/1.1 407 Log in\r\nProxy-Authenticate: Digest realm="parent", qop="auth", nonce="n"\r\nContent-Length: 10\r\n\r\n'

/** A parent that does all that it should, but for what it dies behind. It is the target as well. */
async function parentUntil (t: Test, phase?: Phase, death?: Death): Promise<number> {
  if (death === 'refuse') return await closedPort()
  if (phase === 'nothing') return (await stalledListener(t)).port
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    open.add(socket)
    const state = { isTunnel: false, isDead: false }
    let text = ''
    const die = (last = ''): void => {
      state.isDead = true
      socket.write(last, () => {
        if (death === 'reset') socket.resetAndDestroy()
        else if (death === 'end') socket.end()
      })
    }
    const respond = (head: string): unknown => {
      if (!state.isTunnel) {
        const isLoggedIn = /^proxy-authorization: digest/im.test(head)
        if (phase === 'gets the head' || (phase === 'gets what it is asked before content' && head.startsWith('OPTIONS '))) return die()
        if (phase === 'sends half of its head') return die('HTTP/1.1 200 OK\r\nX-A: ')
        if (phase === 'sends half of its 407' && !isLoggedIn) return die(`${CHALLENGE}half.`)
        if (phase === 'gets the second leg') return isLoggedIn ? die() : socket.write(`${CHALLENGE}0123456789`)
        state.isTunnel = head.startsWith('CONNECT ')
        if (state.isTunnel) return socket.write('HTTP/1.1 200 OK\r\n\r\n')
      }
      if (phase === 'sends half of its content') return die('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.')
      if (!/^transfer-encoding: chunked/im.test(head)) socket.write(TARGET)
    }
    const take = (chunk: Buffer): void => {
      if (phase === 'gets the first of TLS' && !state.isDead) die()
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1 && /^[A-Z]+ /.test(text) && !state.isDead; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4)
        text = text.slice(end + 4)
        respond(head)
      }
      if (state.isDead) return
      if (text.includes(HALF) && phase === 'gets half of the content') die()
      else if (text === 'ping') socket.write('pong')
      else if (text === 'pingmore' && phase === 'carries a tunnel') die()
      else if (text.endsWith('\r\n0\r\n\r\n')) socket.write(TARGET)
    }
    socket.on('error', () => {}).on('close', () => open.delete(socket)).on('end', () => socket.end()).on('data', take)
    if (phase === 'takes the connection') die()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>(resolve => {
    for (const socket of open) socket.destroy()
    server.close(() => resolve())
  }))
  return (server.address() as AddressInfo).port
}

/** What is limited while a parent hangs. */
function limitsFor (phase: Phase, death: Death): TrialLimits {
  if (death !== 'hang') return {}
  if (phase === 'nothing' || phase === 'gets the first of TLS') return { connectTimeout: LIMIT }
  if (phase === 'sends half of its content') return { bodyTimeout: LIMIT }
  return phase === 'carries a tunnel' ? { idleTimeout: LIMIT } : { headersTimeout: LIMIT }
}

async function kill (t: Test, form: TrialForm, phase: Phase, death: Death, hasSecond: boolean): Promise<TrialOutcome> {
  return await tryParent(t, {
    form,
    port: await parentUntil(t, phase, death),
    protocol: phase === 'gets the first of TLS' ? 'https' : 'http',
    scheme: ASKING.has(phase) ? 'Digest' : 'Basic',
    second: hasSecond ? await parentUntil(t) : undefined,
    limits: limitsFor(phase, death),
    others: phase === 'nothing' && death === 'hang' ? 2 : 0, // which fill the queue
    ...phase === 'carries a tunnel' && {
      inTunnel: async client => {
        client.send('ping')
        await client.until(text => text === 'pong')
        client.send('more')
        await client.end()
      }
    }
  })
}

for (const phase of PHASES) {
  t.test(`a parent that ${phase === 'nothing' ? 'is not there' : `dies when it ${phase}`}: the status and the line tell it in time, no socket is left, and what had not begun goes by another`, async t => {
    const cells = ROWS.filter(row => row.phase === phase).flatMap(row => row.forms.flatMap(form => Object.entries(row.outcomes).flatMap(([death, outcome]) =>
      [false, true].map(hasSecond => ({ form, death: death as Death, outcome, second: row.second, hasSecond })))))
    const waiting = [...cells]
    await Promise.all(Array.from({ length: LANES }, async () => {
      for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
        const { form, death, outcome, second, hasSecond } = cell
        const name = `${form}, ${death}${hasSecond ? ', with a second parent' : ''}`
        const { says, lines, sockets, time } = await kill(t, form, phase, death, hasSecond)
        if (hasSecond && second === true) t.equal(says, '200 second', name)
        else if (!hasSecond || second === false || says !== '200 second') t.match(says, typeof outcome === 'string' ? new RegExp(`^${outcome}$`) : outcome, name)
        t.strictSame({ lines, sockets }, { lines: 1, sockets: 0 }, name)
        t.ok(time < NO_LIMIT, `${name}: ${Math.round(time)} ms`)
      }
    }))
  })
}
