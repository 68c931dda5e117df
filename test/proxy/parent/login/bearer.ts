import t from 'tap'
import { bearerLogin } from '../../../../lib/proxy/parent/login/bearer.js'
import { BearerStrategy } from '../../../../lib/index.js'
import { gateway } from '../../../fixtures/gateway.js'
import { askFor, credentialsOf, logIn } from '../../../fixtures/parent-login.js'
import { RawClient } from '../../../fixtures/raw-client.js'
import { tcpOrigin } from '../../../fixtures/tcp-origin.js'

const LIMIT = 10_000
const REFUSED = ['Bearer realm="x", error="invalid_token"']
type Token = Parameters<typeof bearerLogin>[0]['token']
const login = (token: Token, limit = LIMIT) => bearerLogin({ scheme: 'Bearer', token }, limit)

t.test('a fixed token: goes unasked, and a 407 to it is final', async t => {
  const account = login('abc')
  const attempt = account.attempt(askFor())
  t.equal(credentialsOf(await attempt.first()), 'Bearer abc')
  t.equal(await attempt.next(REFUSED), null)
  t.equal(await attempt.succeeded([], []), undefined)
  t.match(account, { scheme: 'Bearer', account: /^bearer#\d+$/, bindsConnection: false, ready: true })
  t.equal(attempt.ready, true)
})

t.test('a function at a gateway of ours: it is asked for the first token, and again after each refusal', async t => {
  const { authority } = await tcpOrigin(t)
  const request = askFor({ uri: authority, authority })
  let good = 'one'
  const { port } = await gateway(t, { strategies: [new BearerStrategy({ verify: (token: string) => token === good ? { username: 'gw' } : null })] })
  const asked: unknown[] = []
  const account = login(async refused => { asked.push(refused); return good })
  const ask = async () => await logIn(await RawClient.to(t, port), account, request)
  t.match(await ask(), { status: 200, sent: ['Bearer one'] })
  t.match(await ask(), { status: 200, sent: ['Bearer one'] })
  t.strictSame(asked, [undefined])
  good = 'two'
  t.match(await ask(), { status: 200, sent: ['Bearer one', 'Bearer two'] })
  t.strictSame(asked, [undefined, 'one'])
})

t.test('a token that is refused again: no further one is asked for', async t => {
  let count = 0
  const attempt = login(() => `t${++count}`).attempt(askFor())
  t.equal(credentialsOf(await attempt.first()), 'Bearer t1')
  t.equal(credentialsOf(await attempt.next(REFUSED)), 'Bearer t2')
  t.equal(await attempt.next(REFUSED), null)
  t.equal(count, 2)
})

t.test('a function that gives the refused token again: it is not sent again', async t => {
  const attempt = login(() => 'same').attempt(askFor())
  await attempt.first()
  t.equal(await attempt.next(REFUSED), null)
})

t.test('a parent that asks for no Bearer: no other token is asked for', async t => {
  for (const lines of [[], ['Basic realm="x"'], ['Bearer realm="x']]) {
    let count = 0
    const attempt = login(() => `t${++count}`).attempt(askFor())
    await attempt.first()
    t.equal(await attempt.next(lines), null)
    t.equal(count, 1)
  }
})

t.test('many requests at once: they share one call of the function, and one more after a refusal', async t => {
  let count = 0
  const waiting: Array<() => void> = []
  const account = login(async () => {
    const mine = ++count
    await new Promise<void>(resolve => waiting.push(resolve))
    return `t${mine}`
  })
  const attempts = Array.from({ length: 10 }, () => account.attempt(askFor()))
  const first = attempts.map(async each => await each.first())
  waiting.shift()!()
  t.strictSame((await Promise.all(first)).map(credentialsOf), attempts.map(() => 'Bearer t1'))
  const next = attempts.map(async each => await each.next(REFUSED))
  waiting.shift()!()
  t.strictSame((await Promise.all(next)).map(credentialsOf), attempts.map(() => 'Bearer t2'))
  t.equal(count, 2)
})

t.test('a request whose token was replaced meanwhile: it sends the new one without a call', async t => {
  let count = 0
  const account = login(() => `t${++count}`)
  const [one, other] = [account.attempt(askFor()), account.attempt(askFor())]
  await one.first()
  await other.first()
  t.equal(credentialsOf(await one.next(REFUSED)), 'Bearer t2')
  t.equal(credentialsOf(await other.next(REFUSED)), 'Bearer t2')
  t.equal(count, 2)
})

t.test('a function that fails: the request fails, and the next one asks again', async t => {
  const answers = [
    () => { throw new Error('no') }, async () => { throw new Error('later no') }, () => undefined, () => '', async () => 'not a token', () => 7, () => ({ token: 'x' })
  ]
  const account = login((() => (answers.shift() ?? (() => 'good'))()) as () => string)
  for (let left = answers.length; left > 0; left--) {
    const failed = await Promise.resolve(account.attempt(askFor()).first()).then(() => undefined, (error: Error) => error)
    t.match(failed, { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', cause: Error })
    t.notMatch(`${failed!.message} ${String(failed!.cause)}`, 'not a token')
  }
  t.equal(credentialsOf(await account.attempt(askFor()).first()), 'Bearer good')
})

t.test('a function that hangs: the request fails in time, and the next one asks again', async t => {
  let count = 0
  const account = login(async () => ++count === 1 ? await new Promise<never>(() => {}) : 'good', 10)
  await t.rejects(async () => await account.attempt(askFor()).first(), { code: 'FST_PROXY_AUTH_PARENT_CREDENTIALS', cause: /within 10 ms/ })
  t.equal(credentialsOf(await account.attempt(askFor()).first()), 'Bearer good')
})
