// The hook among the functions of @fastify/auth, with those of @fastify/basic-auth, @fastify/bearer-auth and @fastify/jwt: all
// combinations of right and wrong, at the root and in a scope.
import fastifyAuth from '@fastify/auth'
import fastifyBasicAuth from '@fastify/basic-auth'
import fastifyBearerAuth from '@fastify/bearer-auth'
import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { proxyAuthenticate } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

type Check = (request: FastifyRequest, reply: FastifyReply) => Promise<void>
/** What a client has right. Basic and Bearer both want Authorization, so it is one of them at most. */
interface Right { basic: boolean, bearer: boolean, jwt: boolean, proxy: boolean }

interface Row {
  path: string
  lets: (right: Right) => boolean
  /** Of the checks of an application, by name. */
  functions: (checks: Record<keyof Right, Check>) => unknown[]
  options?: { relation?: 'and' | 'or', run?: 'all' }
}

const rows: Row[] = [
  { path: '/ours', lets: ({ proxy }) => proxy, functions: ({ proxy }) => [proxy] },
  { path: '/or', lets: ({ basic, proxy }) => basic || proxy, functions: ({ basic, proxy }) => [basic, proxy] },
  { path: '/or-ours-first', lets: ({ bearer, proxy }) => bearer || proxy, functions: ({ bearer, proxy }) => [proxy, bearer] },
  { path: '/or-all-run', lets: ({ jwt, proxy }) => jwt || proxy, functions: ({ jwt, proxy }) => [jwt, proxy], options: { run: 'all' } },
  { path: '/and', lets: ({ jwt, proxy }) => jwt && proxy, functions: ({ jwt, proxy }) => [jwt, proxy], options: { relation: 'and' } },
  { path: '/and-ours-first', lets: ({ basic, proxy }) => basic && proxy, functions: ({ basic, proxy }) => [proxy, basic], options: { relation: 'and' } },
  { path: '/or-of-and', lets: ({ basic, jwt, proxy }) => basic || (jwt && proxy), functions: ({ basic, jwt, proxy }) => [[jwt, proxy], basic] },
  {
    path: '/and-of-or',
    lets: ({ basic, bearer, proxy }) => (basic || bearer) && proxy,
    functions: ({ basic, bearer, proxy }) => [[basic, bearer], proxy],
    options: { relation: 'and' }
  }
]

/** Has all of them, and routes behind them. */
async function application (app: FastifyInstance): Promise<void> {
  await app.register(fastifyAuth)
  await app.register(fastifyBasicAuth, {
    authenticate: { realm: 'Application' },
    validate: async (name, password) => { if (name !== 'carol' || password !== 'carol-secret') throw new Error('no') }
  })
  await app.register(fastifyBearerAuth, { keys: new Set(['application-token']), addHook: false })
  await app.register(fastifyJwt, { secret: 'a secret of thirty-two octets !!' })
  const bearer = app.verifyBearerAuth! as unknown as (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
  const checks: Record<keyof Right, Check> = {
    basic: app.basicAuth as unknown as Check,
    bearer: async (request, reply) => await new Promise((resolve, reject) => bearer(request, reply, error => error === undefined ? resolve() : reject(error))),
    jwt: async request => { await request.jwtVerify() },
    proxy: proxyAuthenticate
  }
  for (const { path, functions, options } of rows) {
    app.get(path, { onRequest: app.auth(functions(checks) as never, options as never) }, async ({ user, proxyAuth, headers }) =>
      ({ user: (user as { sub?: string } | undefined)?.sub ?? null, proxy: proxyAuth?.name ?? null, left: headers['proxy-authorization'] ?? null }))
  }
  app.get('/token', async () => app.jwt.sign({ sub: 'carol' }))
}

for (const prefix of ['', '/app']) {
  t.test(prefix === '' ? 'at the root' : 'in a scope', async t => {
    const { port, app } = await gateway(t, { after: async app => { await app.register(application, { prefix }) } })
    const { body: token } = await app.inject(`${prefix}/token`)
    const authorization: Record<string, string> = {
      none: '', basic: `Basic ${Buffer.from('carol:carol-secret').toString('base64')}`, bearer: 'Bearer application-token', jwt: `Bearer ${token}`, wrong: 'Bearer nobody'
    }
    for (const { path, lets } of rows) {
      t.test(`${path} (R-407-16, R-MAP-1, R-MAP-2, R-MAP-7)`, async t => {
        for (const [kind, value] of Object.entries(authorization)) {
          for (const credentials of [undefined, ALICE, 'Basic bm8=', value === '' ? undefined : value]) {
            const right: Right = { basic: kind === 'basic', bearer: kind === 'bearer', jwt: kind === 'jwt', proxy: credentials === ALICE }
            const client = await RawClient.to(t, port)
            const fields = [...value === '' ? [] : [`Authorization: ${value}`], ...credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]]
            const { status, fields: answered, body } = readAnswer(await client.send([`GET ${prefix}${path} HTTP/1.1`, 'Host: a.test', ...fields, '', ''].join('\r\n')).answer())
            client.socket.destroy()
            const about = `${kind}, ${right.proxy ? 'right' : 'wrong'} for the proxy`
            t.equal(status === 200, lets(right), `${about}: ${status}`)
            t.equal('proxy-authenticate' in answered, status === 407, 'the challenge is there where it belongs, and nowhere else')
            if (status !== 200) {
              // Where ours did not run, or said that this is no Basic credential at all, another has answered.
              t.ok([400, 401, 407].includes(status), about)
              continue
            }
            const known = JSON.parse(body)
            if (known.proxy !== null) t.same([known.proxy, known.left], ['alice', null], 'ours ran: its credentials are used up')
            if (known.user !== null) t.equal(known.user, 'carol', 'request.user is of the application')
          }
        }
      })
    }
  })
}

t.test('the logger throws what is no error: no function of the list has let in', async t => {
  for (const thrown of [undefined, null, '', 0, false, 'text']) {
    let reached = false
    const { port } = await gateway(t, {
      before: app => app.addHook('onRequest', async request => {
        request.log = { ...request.log, info () { throw thrown } } as never
      }),
      after: async app => {
        await app.register(fastifyAuth)
        app.get('/', { onRequest: app.auth([proxyAuthenticate as never]) }, async () => { reached = true })
      }
    })
    const client = await RawClient.to(t, port)
    const { status } = readAnswer(await client.send('GET / HTTP/1.1\r\nHost: a.test\r\nProxy-Authorization: Basic bm8=\r\n\r\n').answer())
    t.equal(status, 401, `${String(thrown)}: as @fastify/auth responds to an error without a status`)
    t.equal(reached, false)
  }
})
