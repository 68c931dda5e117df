import t from 'tap'
import { proxyAuthenticate } from '../../lib/index.js'
import type { ReverseRoute } from '../../lib/index.js'
import { closedPort } from '../fixtures/closed-port.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { Form } from '../fixtures/forms.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { basic, gateway, ALICE } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

/** Tells something with its yes, and nothing with its no. */
const telling = {
  strategy: foreign('telling', function ({ headers }) {
    headers.authorization === 'Key k' ? this.success('alice', { proxyAuthenticationInfo: { nextnonce: 'n', qop: 'auth' } }) : this.fail()
  }),
  scheme: 'Key'
}
const RIGHT = 'Proxy-Authorization: Key k'
const TOLD = 'nextnonce="n", qop=auth'

/** Surroundings whose origin answers with the status in the path, and a client of them. */
async function around (t: Parameters<typeof surroundings>[0], form: Form, options: GatewayOptions = {}) {
  const surrounded = await surroundings(t, { strategies: [telling], ...options }, (request, response) => {
    response.writeHead(Number(request.url!.slice(1)) || 200, { 'Authentication-Info': 'of="origin"', 'Proxy-Authentication-Info': 'of="upstream"' })
    response.end()
  })
  return {
    ...surrounded,
    ask: async (fields: string[], path = '/', method = 'GET', authority = surrounded.origin.authority) => {
      const client = await RawClient.to(t, surrounded.port)
      client.send(message(form, authority, fields, { path, method }))
      return readAnswer(await client.until(text => text.includes('\r\n\r\n')))
    }
  }
}

for (const form of FORMS) {
  t.test(form, async t => {
    t.test('what the strategy tells goes out with a 200 (R-PAI-1, R-CONNECT-19)', async t => {
      const { ask } = await around(t, form)
      const { status, fields } = await ask([RIGHT])
      t.equal(status, 200)
      t.equal(fields['proxy-authentication-info'], TOLD)
    })

    t.test('and with our own 502 and 403 (R-PAI-1)', async t => {
      const closed = await closedPort()
      const { ask } = await around(t, form, { reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${closed}` }] })
      const failed = await ask([RIGHT], '/', 'GET', `127.0.0.1:${closed}`)
      t.equal(failed.status, 502)
      t.equal(failed.fields['proxy-authentication-info'], TOLD)
      if (form === 'origin-form') return
      const denied = await ask([RIGHT], '/', 'GET', '10.0.0.1:80')
      t.equal(denied.status, 403)
      t.equal(denied.fields['proxy-authentication-info'], TOLD)
    })

    t.test('never with a 407, nor for a strategy that tells nothing (R-PAI-3)', async t => {
      const { ask } = await around(t, form, {
        strategies: [telling, basic()],
        after: app => { app.addHook('onRequest', async (_request, reply) => { reply.proxyAuthenticationInfo({ early: '1' }) }) }
      })
      const refused = await ask(['Proxy-Authorization: Key wrong'])
      t.equal(refused.status, 407)
      t.notOk('proxy-authentication-info' in refused.fields)
    })

    t.test('a hook may add to it', async t => {
      const { ask } = await around(t, form, {
        hook: 'onRequest',
        before: app => {
          app.addHook('preHandler', async (request, reply) => {
            if (request.proxyAuth !== null) reply.proxyAuthenticationInfo({ left: '3', qop: 'auth-int' })
          })
        }
      })
      t.equal((await ask([RIGHT])).fields['proxy-authentication-info'], 'nextnonce="n", qop=auth-int, left=3')
    })

    t.test('Basic tells nothing (R-PAI-3)', async t => {
      const { ask } = await around(t, form, { strategies: [basic()] })
      const { status, fields } = await ask([`Proxy-Authorization: ${ALICE}`])
      t.equal(status, 200)
      t.notOk('proxy-authentication-info' in fields)
    })
  })
}

for (const form of ['origin-form', 'absolute-form'] as const) {
  t.test(`${form}: whatever the origin answers (R-PAI-1, R-PAI-11, R-PAI-12)`, async t => {
    const { ask } = await around(t, form)
    for (const [method, status] of [['GET', 404], ['HEAD', 200], ['GET', 204], ['GET', 304], ['GET', 401], ['POST', 500]] as const) {
      const fields = method === 'POST' ? [RIGHT, 'Content-Length: 0'] : [RIGHT]
      const answer = await ask(fields, `/${status}`, method)
      t.equal(answer.status, status)
      t.equal(answer.fields['proxy-authentication-info'], TOLD, 'ours, and not what came from upstream')
      t.equal(answer.fields['authentication-info'], 'of="origin"', 'which is the origin\'s own')
    }
  })
}

t.test('a route that is an origin: what the strategy tells is sent in Authentication-Info (R-GW-4)', async t => {
  const { ask } = await around(t, 'origin-form', {
    reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${await closedPort()}`, status: 401 }]
  })
  const { status, fields } = await ask(['Authorization: Key k'])
  t.equal(status, 502)
  t.equal(fields['authentication-info'], TOLD)
  t.notOk('proxy-authentication-info' in fields)
})

for (const hook of ['onRequest', 'preHandler'] as const) {
  t.test(`a handler on a route that is an origin, ${hook}: what it adds is in Authentication-Info, on every response (F-40)`, async t => {
    const upstream = await origin(t)
    const left: Pick<ReverseRoute, 'status' | 'preHandler'> = {
      status: 401,
      preHandler (_request, reply, done) {
        reply.proxyAuthenticationInfo({ left: '3' })
        done()
      }
    }
    const { port } = await gateway(t, {
      hook,
      strategies: [telling],
      reverse: [{ prefix: '/api', upstream: upstream.url, ...left }, { prefix: '/down', upstream: `http://127.0.0.1:${await closedPort()}`, ...left }]
    })
    for (const [path, expected] of [['/api/', 200], ['/down/', 502]] as const) {
      const client = await RawClient.to(t, port)
      const { status, fields } = readAnswer(await client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nAuthorization: Key k\r\n\r\n`).answer())
      t.equal(status, expected)
      t.equal(fields['authentication-info'], `${TOLD}, left=3`)
      t.notOk('proxy-authentication-info' in fields)
    }
  })
}

t.test('routes of the application: what strategy and handler tell is sent, but never with a 407 (R-PAI-1, R-PAI-3)', async t => {
  const { ask } = await around(t, 'origin-form', {
    reverse: [],
    after: async app => {
      await app.register(async scope => {
        scope.addHook('onRequest', proxyAuthenticate)
        scope.get('/', async (_request, reply) => reply.proxyAuthenticationInfo({ left: '3' }).send('hello'))
        scope.get('/500', async () => { throw new Error('down') })
        scope.get('/407', async (_request, reply) => await reply.code(407).send('theirs'))
      }, { prefix: '/api' })
    }
  })
  t.equal((await ask([RIGHT])).fields['proxy-authentication-info'], `${TOLD}, left=3`)
  t.match(await ask([RIGHT], '/500'), { status: 500, fields: { 'proxy-authentication-info': TOLD } })
  const theirs = await ask([RIGHT], '/407')
  t.equal(theirs.status, 407)
  t.notOk('proxy-authentication-info' in theirs.fields)
  t.notOk('proxy-authentication-info' in (await ask([])).fields)
})
