import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import t from 'tap'
import type { AdmitOptions } from '../../lib/gate/admit.js'
import { readAnonymous } from '../../lib/options/anonymous.js'
import type { StrategyDeclaration } from '../../lib/passport/declaration.js'
import { PatternList } from '../../lib/policy/target/pattern-list.js'
import { receive } from '../../lib/proxy/ingress/target-form.js'
import { forwardGates } from '../../lib/registration/forward-gates.js'

const USUAL: StrategyDeclaration[] = ['usual']
const TOKEN: StrategyDeclaration[] = ['token']
const targets = [{ to: PatternList.from(['*.pay.test'], 'to'), demand: TOKEN }]
const socket = new Socket()

/** The gates of a forward proxy, and which of them ask for what. */
function create (others = targets, { anonymous, admits, carries }: { anonymous?: boolean, admits?: StrategyDeclaration[], carries?: StrategyDeclaration[] } = {}) {
  const asked: unknown[] = []
  const gateOf = (list: readonly StrategyDeclaration[]) => ({
    list,
    chain: { admitsWithoutCredentials: list === admits },
    connections: list === USUAL ? undefined : { carriesIdentity: (on: Socket) => on === socket && list === carries }
  }) as unknown as AdmitOptions
  const hookOf = (gate: AdmitOptions) => (...args: unknown[]) => { asked.push([(gate as unknown as { list: string[] }).list[0], ...args.slice(1)]) }
  const options = { strategies: USUAL, targets: others, anonymous: anonymous === true ? readAnonymous({ to: ['a.test'] }, []) : undefined }
  return { ...forwardGates(options, gateOf, hookOf), asked }
}

/** A request as it has come in. */
function request (method: string, url: string): FastifyRequest {
  const raw = { method, url, httpVersion: '1.1', httpVersionMajor: 1, headers: { host: 'a' }, rawHeaders: ['Host', 'a'], socket: {} } as unknown as IncomingMessage
  receive(raw)
  return { raw } as unknown as FastifyRequest
}

t.test('strategies for some targets: their gate asks for those, the usual one for all others', t => {
  const { authenticate, asked } = create()
  const done = () => {}
  for (const [method, url] of [['GET', 'http://api.pay.test/'], ['CONNECT', 'API.pay.test:443'], ['GET', 'http://a.test/']] as const) {
    authenticate(request(method, url), 'reply' as never, done)
  }
  t.strictSame(asked, [['token', 'reply', done], ['token', 'reply', done], ['usual', 'reply', done]])
  t.end()
})

t.test('no strategies for some targets: the usual gate asks, and no target is looked at', t => {
  const { authenticate, asked } = create([])
  authenticate({} as never, 'reply' as never, () => {})
  t.match(asked, [['usual', 'reply']])
  t.end()
})

t.test('a gate that needs no credentials, of whichever targets, or anonymous access: it is told', t => {
  t.equal(create().admitsWithoutCredentials(), false)
  for (const admits of [USUAL, TOKEN]) t.equal(create(targets, { admits }).admitsWithoutCredentials(), true)
  t.equal(create([], { anonymous: true }).admitsWithoutCredentials(), true)
  t.end()
})

t.test('a connection that stands for a user at one of the gates: it is told, and no other is', t => {
  t.equal(create().carriesIdentity(socket), false)
  t.equal(create(targets, { carries: TOKEN }).carriesIdentity(socket), true)
  t.equal(create(targets, { carries: TOKEN }).carriesIdentity(new Socket()), false)
  t.end()
})
