import t from 'tap'
import { ANONYMOUS } from '../../../../lib/proxy/parent/login/anonymous.js'
import { createLogins } from '../../../../lib/proxy/parent/login/logins.js'
import type { Login } from '../../../../lib/proxy/parent/login/login.js'
import type { ParentCredentials } from '../../../../lib/policy/parent/credentials.js'
import { readOwnCredentials } from '../../../../lib/policy/parent/own-credentials.js'
import type { ProxyIdentity } from '../../../../lib/types.js'
import { askFor, credentialsOf, parentWith } from '../../../fixtures/parent-login.js'

const FAILED = { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS' }
const identity = (name: string): ProxyIdentity => ({ user: { username: name }, name, info: undefined, scheme: 'Basic', realm: 'Gateway' })
const ALICE = identity('alice')
const BASIC: ParentCredentials = { scheme: 'Basic', username: 'gateway', password: 'secret' }

/** Accounts of a parent whose options have this function. */
const loginsOf = (give: (identity: ProxyIdentity) => unknown, limit = 10_000) =>
  createLogins(parentWith(null, { credentials: readOwnCredentials(give, 'credentials', 'http') }), { limit })

t.test('a parent without credentials, or a user without: none are sent', async t => {
  t.equal(createLogins(parentWith(null)).find(ALICE, 'Basic dTpw'), ANONYMOUS)
  t.equal(loginsOf(() => null).find(ALICE, 'Basic dTpw'), ANONYMOUS)
  t.equal(await loginsOf(async () => null).find(ALICE, undefined), ANONYMOUS)
})

t.test('passthrough: the field of the client is sent, and the function is not asked', async t => {
  const logins = createLogins(parentWith(null, { passthrough: true, credentials: () => { throw new Error('not to be asked') } }))
  const login = await logins.find(ALICE, 'Basic dTpw')
  t.equal(credentialsOf(await login.attempt(askFor()).first()), 'Basic dTpw')
})

t.test('passthrough: each user has an account, whatever the field is (R-CHAIN-2)', async t => {
  const logins = createLogins(parentWith(null, { passthrough: true }))
  const accountOf = async (name: string, field: string) => (await logins.find(identity(name), field)).account
  const alice = await accountOf('alice', 'Basic dTpw')
  t.match(alice, /^alice#\d+$/)
  t.equal(await accountOf('alice', 'Bearer abc'), alice)
  t.not(await accountOf('bob', 'Basic dTpw'), alice)
})

t.test('credentials of each scheme: have an account of it', async t => {
  const each: Record<string, ParentCredentials> = {
    Basic: BASIC,
    Bearer: { scheme: 'Bearer', token: 'abc' },
    Digest: { scheme: 'Digest', username: 'gateway', password: 'secret' },
    NTLM: { scheme: 'NTLM', username: 'gateway', password: 'secret' },
    Negotiate: { scheme: 'Negotiate' },
    'AWS4-HMAC-SHA256': { scheme: 'AWS4', accessKeyId: 'gateway', secretAccessKey: 'secret', region: 'local', service: 'proxy' }
  }
  const logins = loginsOf(({ name }) => each[name])
  for (const scheme of Object.keys(each)) t.equal((await logins.find(identity(scheme), undefined)).scheme, scheme)
})

t.test('equal credentials: are one account, and those that differ in anything are not', async t => {
  const given: object[] = [
    BASIC, { ...BASIC, password: 'other' }, { ...BASIC, username: 'other' }, { scheme: 'Digest', username: 'gateway', password: 'secret' },
    { scheme: 'Digest', username: 'gateway', password: 'secret', rspauth: 'require' }, { scheme: 'Bearer', token: 'a' }, { scheme: 'Bearer', token: 'b' }
  ]
  const logins = loginsOf(({ name }) => ({ ...given[Number(name)] }))
  const find = async () => await Promise.all(given.map(async (_each, i) => await logins.find(identity(String(i)), undefined)))
  const found = await find()
  t.equal(new Set(found.map(({ account }) => account)).size, given.length)
  t.strictSame((await find()).map(({ account }) => account), found.map(({ account }) => account))
})

t.test('another password: what the old account knew is not used any more (CVE-2026-9079)', async t => {
  let password = 'old'
  const logins = loginsOf(() => ({ scheme: 'Digest', username: 'gateway', password }))
  const find = async (): Promise<Login> => await logins.find(ALICE, undefined)
  const old = await find()
  const attempt = old.attempt(askFor())
  await attempt.next(['Digest realm="x", qop="auth", nonce="n1"'])
  await attempt.succeeded([], [])
  t.equal((await find()).ready, true)
  password = 'new'
  const changed = await find()
  t.equal(changed.ready, false)
  t.not(changed.account, old.account)
  t.equal(await changed.attempt(askFor()).first(), null)
})

t.test('an account at one parent: is not that at another', async t => {
  const credentials = readOwnCredentials(BASIC, 'credentials', 'http')
  const [one, other] = await Promise.all([1, 2].map(async () => await createLogins(parentWith(null, { credentials })).find(ALICE, undefined)))
  t.not(one!.account, other!.account)
})

t.test('more accounts than are remembered: the one that was used longest ago goes', async t => {
  const logins = loginsOf(({ name }) => ({ ...BASIC, username: name }))
  const find = async (name: string): Promise<Login> => await logins.find(identity(name), undefined)
  const [first, second] = [await find('first'), await find('second')]
  for (let i = 0; i < 998; i++) await find(`u${i}`)
  t.equal(await find('first'), first)
  await find('one more')
  t.equal(await find('first'), first)
  t.not(await find('second'), second)
})

t.test('a function that fails, at once or later: so does the request', async t => {
  t.throws(() => loginsOf(() => { throw new Error('no') }).find(ALICE, undefined), FAILED)
  await t.rejects(async () => await loginsOf(async () => 'no credentials').find(ALICE, undefined), FAILED)
})

t.test('the time of a function of tokens, and of the package kerberos: has a limit', async t => {
  const never = async () => await new Promise<never>(() => {})
  const bearer = await loginsOf(() => ({ scheme: 'Bearer', token: never }), 10).find(ALICE, undefined)
  await t.rejects(async () => await bearer.attempt(askFor()).first(), { ...FAILED, cause: /within 10 ms/ })
  const negotiate = await createLogins(parentWith({ scheme: 'Negotiate' }), { limit: 10, loadKerberos: never }).find(ALICE, undefined)
  await t.rejects(async () => await negotiate.attempt(askFor()).next(['Negotiate']), { ...FAILED, cause: /longer than 10 ms/ })
})

t.test('the clock: is that of signatures', async t => {
  const credentials: ParentCredentials = { scheme: 'AWS4', accessKeyId: 'gateway', secretAccessKey: 'secret', region: 'local', service: 'proxy' }
  const login = await createLogins(parentWith(credentials), { clock: () => 0 }).find(ALICE, undefined)
  t.match(await login.attempt(askFor()).first(), { 'x-amz-date': '19700101T000000Z' })
})
