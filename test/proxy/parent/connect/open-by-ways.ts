import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { LimitReached, NoParent, ParentCredentialsFailed } from '../../../../lib/errors.js'
import type { Hop, Parent } from '../../../../lib/policy/parent/parent.js'
import { createAccess } from '../../../../lib/policy/target/access.js'
import type { ForwardPolicyOptions } from '../../../../lib/policy/target/access.js'
import { openByWays } from '../../../../lib/proxy/parent/connect/open-by-ways.js'
import type { WaysOptions, WaysRequest } from '../../../../lib/proxy/parent/connect/open-by-ways.js'
import { closedPort } from '../../../fixtures/closed-port.js'
import { fakeParent } from '../../../fixtures/fake-parent.js'
import { parentAt } from '../../../fixtures/parent.js'
import { noLogin } from '../../../fixtures/scripted-login.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'
import { until } from '../../../fixtures/until.js'

const OK = 'HTTP/1.1 200 OK\r\n\r\n'
const identity = { name: 'alice', scheme: 'Basic', user: {} } as never
const raw = new IncomingMessage(new Socket())

/** Every name is at the addresses of loopback that it says, which the policy allows. */
function policy (options: ForwardPolicyOptions = {}) {
  return createAccess({
    special: ['*'],
    allow: ['*:*'],
    lookup: (name, _options, callback) => {
      if (name === 'nowhere.test') setImmediate(callback, Object.assign(new Error(), { code: 'ENOTFOUND' }), [])
      else setImmediate(callback, null, [{ address: '127.0.0.1', family: 4 }])
    },
    ...options
  }, () => [])
}

interface Opening {
  readonly outcome: Promise<{ socket: Socket, parent: string | undefined, address: string | undefined }>
  readonly giveUp: () => void
}

function begin (t: Test, hops: Hop[] | WaysOptions['parents']['choose'], target: { host: string, port: number }, more: Partial<WaysOptions> = {}, admit?: WaysRequest['admit']): Opening {
  let giveUp!: () => void
  const options: WaysOptions = {
    access: policy(),
    parents: { choose: typeof hops === 'function' ? hops : () => hops },
    health: { praise () {}, blame () {} },
    loginFor: () => noLogin(),
    connectTimeout: 60_000,
    headersTimeout: 60_000,
    maxResponseHead: 2000,
    own: () => [],
    ...more
  }
  const request = { target: { ...target, scheme: 'connect' as const }, identity, admit, raw, fields: ['Via', '1.1 gw'] }
  const outcome: Opening['outcome'] = new Promise((resolve, reject) => {
    giveUp = openByWays(request, options, (failure, socket, parent, address) => {
      if (failure !== null) return reject(failure)
      t.teardown(() => { socket!.destroy() })
      resolve({ socket: socket!, parent: parent?.name, address })
    })
  })
  return { outcome, giveUp }
}

const TARGET = { host: 'Origin.TEST', port: 443 }
const named = (port: number, name: string, more: Partial<Parent> = {}): Parent => parentAt(port, { name, ...more })

t.test('a parent: it is asked for the canonical name, or for an address where names are resolved here', async t => {
  const { port, heads } = await fakeParent(t, () => OK)
  t.equal((await begin(t, [named(port, 'up')], TARGET).outcome).parent, 'up')
  await begin(t, [named(port, 'up', { resolve: 'local' })], TARGET).outcome
  await begin(t, [named(port, 'up')], { host: '0177.1', port: 1 }).outcome
  t.match(heads, [/^CONNECT origin\.test:443 [^]*\r\nVia: 1\.1 gw\r\n\r\n$/, /^CONNECT 127\.0\.0\.1:443 /, /^CONNECT 127\.0\.0\.1:1 /])
})

t.test('no parent: the target is connected to directly', async t => {
  const target = await tcpOrigin(t)
  t.equal((await begin(t, ['direct'], { host: 'origin.test', port: target.port }).outcome).parent, undefined)
  t.equal(target.sockets.length, 1)
})

t.test('what the choice and the account are made of: the canonical target, the user and the request', async t => {
  const { port } = await fakeParent(t, () => OK)
  const up = named(port, 'up')
  const asked: unknown[] = []
  const loginFor: WaysOptions['loginFor'] = async (...args) => { asked.push(...args); return noLogin() }
  await begin(t, async (target, user) => { asked.push(target.host, user); return [up] }, TARGET, { loginFor }).outcome
  t.strictSame(asked, ['origin.test', identity, up, identity, raw])
})

t.test('ways that lead nowhere: the next is taken, and of all the first failure is told', async t => {
  const { port, heads } = await fakeParent(t, () => 'HTTP/1.1 503 x\r\n\r\n')
  const ok = await fakeParent(t, () => OK)
  const closed = await closedPort()
  const target = { host: 'origin.test', port: closed }
  t.equal((await begin(t, [named(closed, 'a'), named(port, 'b'), 'direct', named(ok.port, 'c')], target).outcome).parent, 'c')
  t.equal(heads.length, 1)
  t.equal((await begin(t, ['direct', named(ok.port, 'c')], { host: 'nowhere.test', port: 443 }).outcome).parent, 'c')
  await t.rejects(begin(t, [named(closed, 'a'), named(port, 'b'), 'direct'], target).outcome, { code: 'FST_PROXY_AUTH_PARENT_UNREACHABLE', parent: 'a' })
  await t.rejects(begin(t, ['direct', named(closed, 'a')], target).outcome, { code: 'FST_PROXY_AUTH_CONNECTION_REFUSED' })
})

t.test('a refusal, of the policy, of a parent or of credentials: no other way is taken', async t => {
  const refusing = await fakeParent(t, () => 'HTTP/1.1 403 x\r\n\r\n')
  const asking = await fakeParent(t, () => 'HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n')
  const ok = await fakeParent(t, () => OK)
  const closed = named(await closedPort(), 'closed')
  const last = named(ok.port, 'last')
  const denied = { code: 'FST_PROXY_AUTH_TARGET_DENIED', statusCode: 403 }
  await t.rejects(begin(t, [closed, named(refusing.port, 'a'), last], TARGET).outcome, { code: 'FST_PROXY_AUTH_PARENT_DENIED', statusCode: 403, parent: 'a' })
  await t.rejects(begin(t, [named(asking.port, 'a'), last], TARGET).outcome, { code: 'FST_PROXY_AUTH_PARENT_REFUSED', parent: 'a' })
  await t.rejects(begin(t, ['direct', last], TARGET, { access: policy({ special: [] }) }).outcome, denied)
  await t.rejects(begin(t, [last], TARGET, { access: policy({ allow: ['127.0.0.0/8'] }) }).outcome, denied, 'only addresses could allow it')
  await t.rejects(begin(t, [last], TARGET, { access: policy({ deny: ['origin.test'] }) }).outcome, denied)
  await t.rejects(begin(t, [named(ok.port, 'a', { resolve: 'local' }), last], TARGET, { access: policy({ special: [] }) }).outcome, denied)
  for (const loginFor of [() => { throw new ParentCredentialsFailed() }, async () => { throw new ParentCredentialsFailed() }]) {
    await t.rejects(begin(t, [named(ok.port, 'a'), last], TARGET, { loginFor }).outcome, { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS' })
  }
  t.strictSame(ok.heads, [])
})

t.test('no way, or a fault: it is the failure', async t => {
  await t.rejects(begin(t, () => { throw new NoParent() }, TARGET).outcome, { code: 'FST_PROXY_AUTH_NO_PARENT' })
  const thrown: unknown = 'text'
  await t.rejects(begin(t, async () => { throw thrown }, TARGET).outcome, { cause: 'text' })
  await t.rejects(begin(t, ['direct'], TARGET, { localAddress: 'garbage' }).outcome, { code: 'FST_PROXY_AUTH_REFUSED_CALL' })
})

t.test('an opening that is given up, in each phase: nothing comes of it, and no further way is taken', async t => {
  const silent = await fakeParent(t, () => undefined)
  const ok = await fakeParent(t, () => OK)
  const up = named(silent.port, 'up')
  const steps: string[] = []
  let go!: () => void
  const gate = () => new Promise<void>(resolve => { go = resolve })
  const give = async (opening: Opening, when: () => boolean): Promise<void> => {
    opening.outcome.then(() => t.fail('it was given up'), () => t.fail('it was given up'))
    await until(when)
    opening.giveUp()
  }
  await give(begin(t, async () => { steps.push('choice'); await gate(); return [up] }, TARGET), () => steps.length === 1)
  go()
  await give(begin(t, [up], TARGET, { loginFor: async () => { steps.push('login'); await gate(); return noLogin() } }), () => steps.length === 2)
  go()
  await give(begin(t, async () => { steps.push('failing'); await gate(); throw new NoParent() }, TARGET), () => steps.length === 3)
  go()
  await give(begin(t, [up, named(ok.port, 'ok')], TARGET), () => silent.heads.length === 1)
  await until(() => silent.open.size === 0)
  t.equal(silent.heads.length, 1)
  t.strictSame(ok.heads, [])
})

t.test('the address that a connection leads to: told where it is direct, and not where it leads to a parent', async t => {
  const { port } = await fakeParent(t, () => OK)
  const origin = await tcpOrigin(t)
  const target = { host: 'origin.test', port: origin.port }
  t.match(await begin(t, [named(port, 'up')], target).outcome, { parent: 'up', address: undefined })
  t.match(await begin(t, ['direct'], target).outcome, { parent: undefined, address: '127.0.0.1' })
})

t.test('limits: they are asked once, however many ways there are, and what they refuse goes no way', async t => {
  const { port, heads } = await fakeParent(t, () => OK)
  const closed = await closedPort()
  let asked = 0
  t.equal((await begin(t, [named(closed, 'a'), named(port, 'b')], TARGET, {}, async () => { asked += 1 }).outcome).parent, 'b')
  t.equal(asked, 1)
  await t.rejects(begin(t, [named(port, 'b')], TARGET, {}, () => { throw new LimitReached(1) }).outcome, { code: 'FST_PROXY_AUTH_LIMIT_REACHED' })
  t.equal(heads.length, 1)
})
