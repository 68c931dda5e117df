import t from 'tap'
import type { Dispatcher } from 'undici'
import { ClientLeft } from '../../../lib/errors.js'
import { UnlessReached, unlessReached } from '../../../lib/proxy/parent/unless-reached.js'

function recorder (told: unknown[]): Dispatcher.DispatchHandler {
  const note = (name: string) => (...args: unknown[]) => { told.push([name, ...args]) }
  return {
    onRequestStart: note('start'), onResponseStart: note('head'), onRequestUpgrade: note('upgrade'), onResponseData: note('data'), onResponseEnd: note('end'), onResponseError: note('error')
  }
}

const controller = {} as Dispatcher.DispatchController
const REFUSED = Object.assign(new Error('no'), { code: 'ECONNREFUSED' })

t.test('a request that reached the target: all that is told of it is passed on', async t => {
  const told: unknown[] = []
  const handler = new UnlessReached(recorder(told), () => { told.push('otherwise') })
  const chunk = Buffer.from('a')
  handler.onRequestStart(controller, {})
  handler.onResponseStart(controller, 200, {}, 'OK')
  handler.onResponseData(controller, chunk)
  handler.onResponseEnd(controller, {})
  handler.onRequestUpgrade(controller, 101, {}, {} as never)
  handler.onResponseError(controller, REFUSED)
  t.strictSame(told, [
    ['start', controller, {}], ['head', controller, 200, {}, 'OK'], ['data', controller, chunk], ['end', controller, {}], ['upgrade', controller, 101, {}, {}],
    ['error', controller, REFUSED]
  ])
})

t.test('a request that reached nothing: another way is taken where that may be', async t => {
  const told: unknown[] = []
  new UnlessReached(recorder(told), ({ code }: Error & { code?: string }) => { told.push(code) }).onResponseError(controller, REFUSED)
  const left = new ClientLeft('response')
  new UnlessReached(recorder(told), () => { told.push('otherwise') }).onResponseError(controller, left)
  t.strictSame(told, ['FST_PROXY_AUTH_CONNECTION_REFUSED', ['error', controller, left]])
})

t.test('no other way: what is told is the handler\'s own', async t => {
  const handler = recorder([])
  t.equal(unlessReached(handler, undefined), handler)
  t.ok(unlessReached(handler, () => {}) instanceof UnlessReached)
})

t.test('another way that fails at once: that is told', async t => {
  const told: unknown[] = []
  new UnlessReached(recorder(told), () => { throw new Error('fault') }).onResponseError(controller, REFUSED)
  t.match(told, [['error', undefined, { code: 'FST_PROXY_AUTH_LISTENER_FAILED' }]])
})
