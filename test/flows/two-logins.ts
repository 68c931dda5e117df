// Two logins in one request: the application behind has a session cookie and Authorization, the gateway has Proxy-Authorization. Each side
// sees only its own.
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, verifyStatic } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { FORMS, message } from '../fixtures/forms.js'
import type { Form } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'
import { SESSION_KINDS, logins } from '../fixtures/sessions.js'
import type { SessionKind } from '../fixtures/sessions.js'

const CAROL = `Basic ${Buffer.from('carol:carol-secret').toString('base64')}`
/** Of the application, as it is on the wire and in an account. */
const THEIRS = [CAROL.slice('Basic '.length), 'carol-secret', 'sessionId=', 'session=']
/** Of the gateway. */
const OURS = [ALICE.slice('Basic '.length), 'alice-secret']

/** An application with logins of its own, which knows nothing of a proxy. */
async function application (t: Test, kind: SessionKind) {
  const seen: string[] = []
  const app = Fastify()
  app.addHook('onRequest', async request => { seen.push(JSON.stringify([request.raw.url, request.raw.rawHeaders])) })
  await logins(app, kind, { carol: 'carol-secret' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return { authority: `127.0.0.1:${(app.server.address() as AddressInfo).port}`, seen }
}

/** Our Basic, which notes all that it was shown. */
class Watchful extends BasicStrategy {
  readonly shown: string[] = []
  override authenticate (...[request, options]: Parameters<BasicStrategy['authenticate']>): void {
    const { socket, connection, ...view } = request as Parameters<BasicStrategy['authenticate']>[0] & { connection?: unknown }
    this.shown.push(JSON.stringify(view))
    super.authenticate(request, options)
  }
}

/** Keeps cookies and credentials, each for its side, as a browser does; a connection for each request. */
class Browser {
  cookie: string | undefined
  constructor (private readonly t: Test, private readonly gateway: Gateway, private readonly form: Form, private readonly authority: string) {}

  async go (path: string, { authorization, proxy }: { authorization?: string, proxy?: string } = {}): Promise<Answer> {
    const { t, gateway: { port }, form, authority } = this
    const ours = proxy === undefined ? [] : [`Proxy-Authorization: ${proxy}`]
    const theirs = [...this.cookie === undefined ? [] : [`Cookie: ${this.cookie}`], ...authorization === undefined ? [] : [`Authorization: ${authorization}`]]
    const client = await RawClient.to(t, port)
    let text = await client.send(message(form, authority, form === 'CONNECT' ? ours : [...ours, ...theirs], { path })).answer()
    if (form === 'CONNECT' && text.startsWith('HTTP/1.1 200 ')) {
      text = await client.send([`GET ${path} HTTP/1.1`, `Host: ${authority}`, ...theirs, '', ''].join('\r\n')).answer()
    }
    client.socket.destroy()
    const answer = readAnswer(text)
    if (answer.fields['set-cookie'] !== undefined) this.cookie = answer.fields['set-cookie'].split(';')[0]
    return answer
  }
}

for (const kind of SESSION_KINDS) {
  for (const form of FORMS) {
    t.test(`${form}, the application with ${kind} (R-CHAIN-4, R-CRED-4, R-MAP-1)`, async t => {
      const app = await application(t, kind)
      const strategy = new Watchful({ verify: verifyStatic({ alice: 'alice-secret' }) })
      const between = await gateway(t, {
        strategies: [strategy],
        reverse: [{ prefix: '/api', upstream: `http://${app.authority}` }],
        level: 'trace'
      })
      const browser = new Browser(t, between, form, app.authority)
      const proxy = ALICE

      const stranger = await browser.go('/me', { authorization: CAROL })
      t.match(stranger, { status: 407, fields: { 'proxy-authenticate': /realm="Gateway"/ } }, 'the application\'s password opens no gateway')
      t.notOk('www-authenticate' in stranger.fields)
      t.same(app.seen, [])

      const known = await browser.go('/login', { proxy })
      t.match(known, { status: 401, fields: { 'www-authenticate': /realm="Application"/ } }, 'nor the gateway\'s the application')
      t.notOk('proxy-authenticate' in known.fields)

      t.match(await browser.go('/login', { proxy, authorization: CAROL }), { status: 200, body: '{"username":"carol"}' })
      t.type(browser.cookie, 'string', 'the session gets to the browser')
      t.match(await browser.go('/me', { proxy }), { status: 200, body: '{"username":"carol"}' }, 'and is good for the next request')
      const before = app.seen.length
      for (const wrong of ['Basic eDp4', undefined]) {
        t.match(await browser.go('/me', { ...wrong !== undefined && { proxy: wrong } }), { status: 407 }, 'which the gateway lets through for its users only')
      }
      t.equal(app.seen.length, before)
      const { cookie } = browser
      browser.cookie = undefined
      t.match(await browser.go('/me', { proxy }), { status: 401 }, 'who is known to the gateway is nobody to the application')
      browser.cookie = cookie

      const gateways = [...strategy.shown, ...between.log.map(line => JSON.stringify(line))].join('\n')
      for (const secret of THEIRS) t.notOk(gateways.includes(secret), `the gateway has not seen ${secret}`)
      for (const secret of [...OURS, 'roxy-']) t.notOk(app.seen.join('\n').includes(secret), `the application has not seen ${secret}`)
      t.ok(strategy.shown.length > 0 && app.seen.length === 4, 'and both have seen something')
    })
  }
}
