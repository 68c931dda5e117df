import { Writable } from 'node:stream'
import Fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { parseTarget } from '../../../lib/fields/target.js'
import { UNRESOLVED, decisionOf, defaultDecision } from '../../../lib/policy/rules/decision.js'
import { denied } from '../../../lib/policy/target/denied.js'
import { Events } from '../../../lib/events/events.js'
import type { ProxyAuthEvents } from '../../../lib/events/payloads.js'
import type { Permit } from '../../../lib/policy/permission/permit.js'
import { ExchangeRecord, endingBy } from '../../../lib/proxy/exchange/record.js'
import type { Ending, Recorded } from '../../../lib/proxy/exchange/record.js'
import { collectGarbage } from '../../fixtures/collect-garbage.js'
import { faultOf } from '../../fixtures/decision-line.js'

type Proxy = Record<string, unknown>
type Permitted = Pick<Permit, 'groups' | 'decision'>
const ALICE = { name: 'alice', scheme: 'Basic', realm: 'Gateway', user: { password: 'canary' } }

function requestOf (log: object, more: object = {}): FastifyRequest {
  return { log, id: 'req-1', ip: '192.0.2.7', method: 'GET', proxyAuth: ALICE, headers: { authorization: 'canary' }, ...more } as unknown as FastifyRequest
}

const keeper = (events = new Events('gw')) => ({ events, count () {} })

interface Known { permit?: Permitted, address?: string, parent?: string }

/** A record of a request that asks for a plain target. */
function recordOf (log: object, given: Partial<Recorded> & Known = {}, request: object = {}, events?: Events): ExchangeRecord {
  const { permit, address, parent, ...recorded } = given
  const record = new ExchangeRecord(requestOf(log, request), { form: 'http', target: 'http://a.test', ...recorded }, keeper(events))
  return Object.assign(record, { permit, address, parent })
}

/** The line of an exchange, as JSON has it, and its message. */
function recorded (given: Partial<Recorded> & Known = {}, ending: Partial<Ending> = {}, request: object = {}): { proxy: Proxy, msg: string } {
  const lines: Array<{ proxy: Proxy, msg: string }> = []
  const log = { info: (line: object, msg: string) => { lines.push(JSON.parse(JSON.stringify({ ...line, msg }))) } }
  recordOf(log, given, request).close({ status: 200, bytesIn: 1, bytesOut: 2, ...ending })
  t.equal(lines.length, 1)
  t.equal(faultOf(lines[0]!), null)
  return lines[0]!
}

const NOTHING = { status: 200, bytesIn: 0, bytesOut: 0 }
const permit = (decision: Permitted['decision']): Permitted => ({ groups: ['staff'], decision })
const said = (action: 'allow' | 'deny' | 'report', reportsOnly = false) =>
  decisionOf({ name: 'r', action, reason: action === 'allow' ? undefined : 'why not', special: false } as never, reportsOnly)

t.test('one line: who asked for what, what was decided, and how it ended', async t => {
  const { proxy, msg } = recorded(
    { form: 'https', path: '/x?q=1', permit: permit(said('allow')), address: '192.0.2.1' }, { reason: 'idle' }
  )
  t.strictSame({ ...proxy, durationMs: 0 }, {
    id: 'req-1',
    user: 'alice',
    groups: ['staff'],
    scheme: 'Basic',
    realm: 'Gateway',
    client: '192.0.2.7',
    form: 'https',
    method: 'GET',
    target: 'http://a.test',
    path: '/x?q=1',
    address: '192.0.2.1',
    rule: 'r',
    decision: 'allow',
    wouldDeny: false,
    status: 200,
    bytesIn: 1,
    bytesOut: 2,
    durationMs: 0,
    reason: 'idle'
  })
  t.ok(Number.isInteger(proxy['durationMs']))
  t.equal(msg, 'proxied')
})

t.test('a user object: it is never in the line of the log (R-SEC-1)', async t => {
  t.notMatch(JSON.stringify(recorded()), /canary/)
})

t.test('an exchange without user, rules and parent: user, scheme and realm are null, and what there is not is left out', async t => {
  const { proxy } = recorded({}, {}, { proxyAuth: null, ip: undefined })
  t.strictSame({ ...proxy, durationMs: 0 }, {
    id: 'req-1', user: null, scheme: null, realm: null, form: 'http', method: 'GET', target: 'http://a.test', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 0
  })
})

t.test('an exchange by a parent: the parent is in the line, and no address', async t => {
  const { proxy } = recorded({ parent: 'up-1', address: '192.0.2.1' }, { account: 'gw#1' })
  t.match(proxy, { parent: 'up-1', account: 'gw#1', address: undefined })
})

t.test('a target in any spelling: the line has its canonical name', async t => {
  for (const [method, target, name] of [
    ['CONNECT', 'WWW.Example.TEST.:443', 'www.example.test:443'],
    ['CONNECT', '0x7f.1:8080', '127.0.0.1:8080'],
    ['CONNECT', '[::FFFF:7f00:1]:443', '127.0.0.1:443'],
    ['CONNECT', '[2001:DB8:0::1]:443', '[2001:db8::1]:443'],
    ['GET', 'http://Example.TEST.:80/secret?q=1', 'http://example.test'],
    ['GET', 'https://2130706433:443/secret', 'https://127.0.0.1'],
    ['GET', 'https://[2001:DB8:0::1]:80/secret', 'https://[2001:db8::1]:80'],
    ['GET', 'http://xn--a.test/', 'http://xn--a.test'] // no host: it is refused
  ] as const) t.equal(recorded({ target: parseTarget(method, target) as never }).proxy['target'], name)
})

t.test('what rules have decided: groups, rule, decision, whether it would be denied and why are in the line', async t => {
  const rows: Array<[Permitted['decision'], object]> = [
    [said('allow'), { rule: 'r', decision: 'allow', wouldDeny: false }],
    [said('deny'), { rule: 'r', decision: 'deny', wouldDeny: false, denial: 'why not' }],
    [said('report'), { rule: 'r', decision: 'report', wouldDeny: true, denial: 'why not' }],
    [said('deny', true), { rule: 'r', decision: 'report', wouldDeny: true, denial: 'why not' }],
    [defaultDecision(false, false), { rule: null, decision: 'deny', wouldDeny: false, denial: 'no rule allows it' }],
    [UNRESOLVED, {}],
    [undefined, {}]
  ]
  for (const [decision, wanted] of rows) {
    const { proxy: { groups, rule, decision: decided, wouldDeny, denial } } = recorded({ permit: permit(decision) })
    t.same({ groups, rule, decision: decided, wouldDeny, denial }, { groups: ['staff'], rule: undefined, decision: undefined, wouldDeny: undefined, denial: undefined, ...wanted })
  }
})

t.test('what rules decide once the exchange has begun: it is in the line', async t => {
  const later: { groups: string[], decision: Permitted['decision'] } = { groups: [], decision: undefined }
  const lines: Array<{ proxy: Proxy }> = []
  const record = recordOf({ info: (line: { proxy: Proxy }) => { lines.push(line) } }, { permit: later })
  later.decision = said('report')
  record.close(NOTHING)
  t.match(lines, [{ proxy: { rule: 'r', decision: 'report' } }])
})

t.test('a failure: status, reason, parent and account of the record are its own, or those of a fault', async t => {
  const failure = Object.assign(new Error(), { statusCode: 502, code: 'CODE', parent: 'up-1', account: 'gw#1' })
  t.strictSame(endingBy(failure), { status: 502, reason: 'CODE', parent: 'up-1', account: 'gw#1', denial: undefined })
  t.match(endingBy(new Error()), { status: 500, reason: 'error', parent: undefined, account: undefined, denial: undefined })
  t.equal(endingBy(Object.assign(new Error(), { reason: 'of an error from elsewhere' })).denial, undefined)
})

t.test('a denial: the message says so, and the line says why', async t => {
  const { proxy, msg } = recorded({ permit: permit(undefined) }, endingBy(denied({ reason: 'on the deny list', proxyStatus: 'http_request_denied' })))
  t.match(proxy, { denial: 'on the deny list', status: 403, reason: 'FST_PROXY_AUTH_TARGET_DENIED' })
  t.equal(msg, 'denied')
})

t.test('a record that is closed: it says so', async t => {
  const record = recordOf({ info () {} })
  t.equal(record.hasClosed, false)
  record.close(NOTHING)
  t.equal(record.hasClosed, true)
})

t.test('a log that is off, or above this level: nothing is asked and nothing is written', async t => {
  const stream = new Writable({ write () { t.fail('written') } })
  for (const logger of [false, { level: 'warn', stream }]) {
    const app = Fastify({ logger: logger as never })
    const request = requestOf(app.log.child({}))
    Object.defineProperty(request, 'ip', { get: () => t.fail('asked') })
    const record = new ExchangeRecord(request, { form: 'http', target: 'http://a.test' }, keeper())
    record.open()
    record.close(NOTHING)
  }
})

t.test('a logger of the application: it is written to, whatever its methods are called', async t => {
  const lines: unknown[] = []
  const write = (...line: unknown[]) => { lines.push(line) }
  recordOf({ info: write, trace: write, child: () => {} }).close(NOTHING)
  t.equal(lines.length, 1)
})

t.test('a record: it does not keep its request', async t => {
  const begin = () => {
    const request = requestOf({ info () {} })
    return { held: new WeakRef(request), record: new ExchangeRecord(request, { form: 'http', target: 'http://a.test' }, keeper()) }
  }
  const { held, record } = begin()
  await new Promise(resolve => setImmediate(resolve))
  collectGarbage()
  t.equal(held.deref(), undefined)
  record.close(NOTHING)
})

t.test('listeners: they are told of the exchange where the log is off, without its user object, once it opens and when it ends', async t => {
  const events = new Events('gw')
  const told: unknown[] = []
  for (const name of ['opened', 'closed', 'denied'] as const) events.on(name, (event: ProxyAuthEvents[typeof name]) => { told.push([name, { ...event, durationMs: 0 }]) })
  const off = { info: function noop () {} }
  const record = recordOf(off, { permit: permit(said('allow')), address: '192.0.2.1' }, {}, events)
  record.open()
  record.open() // by another try
  record.close({ ...NOTHING, reason: 'idle' })
  const known = {
    gateway: 'gw',
    id: 'req-1',
    user: 'alice',
    groups: ['staff'],
    scheme: 'Basic',
    realm: 'Gateway',
    client: '192.0.2.7',
    form: 'http',
    method: 'GET',
    target: 'http://a.test',
    address: '192.0.2.1',
    rule: 'r',
    decision: 'allow',
    durationMs: 0
  }
  t.match(told, [['opened', known], ['closed', { ...known, status: 200, reason: 'idle' }]])
  t.equal(told.length, 2)
  t.notMatch(JSON.stringify(told), /canary/)
  recordOf(off, {}, { ip: undefined }, events).close({ ...NOTHING, ...endingBy(denied({ reason: 'on the deny list', proxyStatus: 'http_request_denied' })) })
  t.match(told[2], ['denied', { client: null, status: 403, denial: 'on the deny list' }])
})

t.test('a record that is traced: its start, its opening and its end are told once each', async t => {
  const told: string[] = []
  const span = { open: () => { told.push('open') }, close: (_record: ExchangeRecord, { status }: Ending) => { told.push(`close ${status}`) } }
  const tracing = { begin: (_request: FastifyRequest, { isTunnel, form }: ExchangeRecord) => { told.push(`begin ${form} ${isTunnel}`); return span } }
  const record = new ExchangeRecord(requestOf({ info () {} }), { form: 'connect', target: 'http://a.test' }, { ...keeper(), tracing })
  record.open()
  record.open()
  record.close(NOTHING)
  t.strictSame(told, ['begin connect true', 'open', 'close 200'])
})

t.test('forms: CONNECT and WebSockets are tunnels, others are requests', async t => {
  const tunnels = (['connect', 'websocket', 'http', 'https', 'reverse'] as const).map(form => recordOf({ info () {} }, { form }).isTunnel)
  t.strictSame(tunnels, [true, true, false, false, false])
})
