import Fastify from 'fastify'
import t from 'tap'
import { ParentCredentialsFailed } from '../../../lib/errors.js'
import { loginFor } from '../../../lib/proxy/parent/asker.js'
import { keepClientField } from '../../../lib/proxy/parent/client-field.js'
import { ANONYMOUS } from '../../../lib/proxy/parent/login/anonymous.js'
import { parentAt } from '../../fixtures/parent.js'

const alice = { user: {}, name: 'alice', info: null, scheme: 'Basic', realm: 'x' }
const none = {} as never

t.test('the same credentials at one parent: they are one account, at another parent another', async t => {
  const fixed = { scheme: 'Basic', username: 'u', password: 'p' } as const
  const credentials = () => fixed
  const [one, two] = [parentAt(1, { credentials }), parentAt(2, { credentials })]
  const login = await loginFor(one, alice, none)
  t.equal(login.scheme, 'Basic')
  t.equal(await loginFor(one, { ...alice, name: 'bob' }, none), login)
  t.not(await loginFor(two, alice, none), login)
})

t.test('the client\'s own credentials: a parent with passthrough gets them, and no other', async t => {
  const app = Fastify()
  app.addHook('onRequest', keepClientField)
  const [passing, other] = [parentAt(1, { passthrough: true }), parentAt(1)]
  app.get('/', async ({ raw }) => {
    const sent = await (await loginFor(passing, alice, raw)).attempt({ method: 'GET', uri: 'x', authority: 'x', content: false }).first()
    return [sent, await loginFor(other, alice, raw) === ANONYMOUS]
  })
  t.strictSame((await app.inject({ url: '/', headers: { 'proxy-authorization': 'Basic YTpi' } })).json(), [{ 'proxy-authorization': 'Basic YTpi' }, true])
  t.strictSame((await app.inject('/')).json(), [null, true])
})

t.test('credentials that cannot be had: the failure names the parent', async t => {
  const failure = () => new ParentCredentialsFailed({ cause: new Error('no') })
  for (const credentials of [() => { throw failure() }, async () => { throw failure() }]) {
    await t.rejects(async () => await loginFor(parentAt(1, { credentials }), alice, none), { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', parent: 'parent-1' })
  }
})
