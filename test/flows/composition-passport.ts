// The gateway in an application that has logins with @fastify/passport: one Authenticator for both, the same names, sessions of both
// kinds, at the root and in a scope.
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { proxyAuthenticate } from '../../lib/index.js'
import { ALICE, basic, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { FORMS, message } from '../fixtures/forms.js'
import { origin } from '../fixtures/origin.js'
import type { Origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import type { Answer } from '../fixtures/read-answer.js'
import { SESSION_KINDS, logins } from '../fixtures/sessions.js'
import type { SessionKind } from '../fixtures/sessions.js'

/** The application's own account. At the gateway there are alice and bob with other passwords. */
const CAROL = `Basic ${Buffer.from('carol:carol-secret').toString('base64')}`

interface Composed extends Gateway {
  readonly origin: Origin
  readonly prefix: string
  /** What was known of each proxied request when it went on. */
  readonly known: Array<{ user: unknown, proxy: string | undefined }>
  ask (path: string, ...fields: string[]): Promise<Answer>
}

/** Where logins are: at the root, registered before the gateway or behind it, or in a scope. The gateway is at the root. */
type Place = 'at the root' | 'at the root, later' | 'in a scope'

async function compose (t: Test, kind: SessionKind, place: Place, shared: boolean): Promise<Composed> {
  const upstream = await origin(t)
  const known: Composed['known'] = []
  const prefix = place === 'in a scope' ? '/app' : ''
  let passport!: Awaited<ReturnType<typeof logins>>
  const application = async (app: FastifyInstance) => { passport = await logins(app, kind, { carol: 'carol-secret' }) }
  const self = await gateway(t, {
    before: async app => {
      if (place === 'in a scope') await app.register(application, { prefix })
      else if (place === 'at the root') await application(app)
    },
    // A registry that is there when it is looked into: what has the logins has been loaded by then.
    passport: { strategy: (name: string) => passport.strategy(name) },
    strategies: shared ? [{ strategy: 'basic', scheme: 'Basic' }] : [basic()],
    reverse: [{
      prefix: '/api',
      upstream: upstream.url,
      preHandler: (request, _reply, done) => {
        known.push({ user: request.user, proxy: request.proxyAuth?.name })
        done()
      }
    }],
    after: async app => {
      if (place === 'at the root, later') await application(app)
      app.get('/both', { onRequest: proxyAuthenticate }, async request => ({ user: request.user ?? null, proxy: request.proxyAuth?.name }))
    }
  })
  const ask = async (path: string, ...fields: string[]) => {
    const client = await RawClient.to(t, self.port)
    return readAnswer(await client.send([`GET ${path} HTTP/1.1`, 'Host: gateway.test', 'Connection: close', ...fields, '', ''].join('\r\n')).end())
  }
  return { ...self, origin: upstream, prefix, known, ask }
}

async function logIn ({ ask, prefix }: Composed): Promise<string> {
  const { status, fields } = await ask(`${prefix}/login`, `Authorization: ${CAROL}`)
  if (status !== 200) throw new Error(`login: ${status}`)
  return `Cookie: ${fields['set-cookie']!.split(';')[0]}`
}

for (const kind of SESSION_KINDS) {
  for (const place of ['at the root', 'at the root, later', 'in a scope'] as const) {
    t.test(`logins with ${kind} ${place}, the gateway with a strategy of the same name`, async t => {
      const scoped = place === 'in a scope'
      const composed = await compose(t, kind, place, false)
      const { ask, prefix } = composed

      t.test('the application logs its users in as before', async t => {
        t.match(await ask(`${prefix}/me`), { status: 401 })
        t.match(await ask(`${prefix}/login`), { status: 401, fields: { 'www-authenticate': /realm="Application"/ } })
        t.match(await ask(`${prefix}/login`, `Authorization: ${ALICE}`), { status: 401 }, 'the gateway\'s users are not its own')
        t.match(await ask(`${prefix}/login`, `Proxy-Authorization: ${CAROL}`), { status: 401 }, 'nor is the gateway\'s field')
        const cookie = await logIn(composed)
        t.match(await ask(`${prefix}/me`, cookie), { status: 200, body: '{"username":"carol"}' })
        t.match(await ask(`${prefix}/me`, cookie, `Proxy-Authorization: ${ALICE}`), { status: 200, body: '{"username":"carol"}' })
      })

      t.test('its users are not the gateway\'s (R-CRED-4, R-MAP-1)', async t => {
        const cookie = await logIn(composed)
        for (const fields of [[`Authorization: ${CAROL}`], [`Authorization: ${ALICE}`], [cookie], [`Proxy-Authorization: ${CAROL}`]]) {
          for (const path of ['/api/x', '/both']) {
            const { status, fields: answered } = await ask(path, ...fields, cookie)
            t.equal(status, 407, `${path} ${fields.join().slice(0, 20)}`)
            t.match(answered['proxy-authenticate'], /^Basic realm="Gateway"/)
            t.notOk('www-authenticate' in answered)
          }
        }
        t.equal(composed.origin.seen.length, 0)
      })

      t.test('both users are known where both are, each under its own name (R-MAP-7)', async t => {
        const cookie = await logIn(composed)
        const both = await ask('/both', cookie, `Proxy-Authorization: ${ALICE}`)
        t.match(both, { status: 200, body: scoped ? '{"user":null,"proxy":"alice"}' : '{"user":{"username":"carol"},"proxy":"alice"}' })
        t.match(await ask('/both', `Proxy-Authorization: ${ALICE}`), { status: 200, body: '{"user":null,"proxy":"alice"}' })
        await ask('/api/x', cookie, `Proxy-Authorization: ${ALICE}`)
        const { user, proxy } = composed.known.at(-1)!
        t.same([user ?? null, proxy], [scoped ? null : { username: 'carol' }, 'alice'])
      })

      for (const form of FORMS) {
        t.test(`${form}: cookies and Authorization go on untouched, and no session comes back (R-CHAIN-4)`, async t => {
          const cookie = await logIn(composed)
          const { authority, seen } = composed.origin
          const own = [cookie, `Authorization: ${CAROL}`]
          const client = await RawClient.to(t, composed.port)
          let answer = await client.send(message(form, authority, [`Proxy-Authorization: ${ALICE}`, ...own])).answer()
          if (form === 'CONNECT') answer += await client.send(message('absolute-form', authority, own).replace(`http://${authority}`, '')).answer()
          t.match(answer, /^HTTP\/1\.1 200 /)
          t.notMatch(answer, /set-cookie|www-authenticate|proxy-authenticate/i)
          const { headers } = seen.at(-1)!
          t.match(headers, { cookie: cookie.slice('Cookie: '.length), authorization: CAROL })
          t.notOk('proxy-authorization' in headers)
          client.socket.destroy()
        })
      }
    })
  }

  t.test(`one Authenticator for both, with ${kind}: the same strategy serves the login and the gateway (R-MAP-1)`, async t => {
    const composed = await compose(t, kind, 'at the root', true)
    const { ask } = composed
    const cookie = await logIn(composed)
    t.match(await ask('/both', `Proxy-Authorization: ${CAROL}`), { status: 200, body: '{"user":null,"proxy":"carol"}' }, 'it logs nobody in')
    t.match(await ask('/both', cookie), { status: 407 })
    t.match(await ask('/both', cookie, `Proxy-Authorization: ${CAROL}`), { status: 200, body: '{"user":{"username":"carol"},"proxy":"carol"}' })
    const { status, fields } = await ask('/api/x', `Proxy-Authorization: ${CAROL}`)
    t.equal(status, 200)
    t.notOk('set-cookie' in fields)
    t.match(await ask('/me'), { status: 401 })
    const [one, other] = await Promise.all([ask('/login', `Authorization: ${CAROL}`), ask('/both', `Proxy-Authorization: ${ALICE}`)])
    t.same([one.status, other.status], [200, 407])
  })
}
