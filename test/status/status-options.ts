import t from 'tap'
import { readStatus } from '../../lib/status/status-options.js'

const hook = async () => {}
const BAD = { code: 'FST_PROXY_AUTH_BAD_OPTION' }

t.test('a page on the server of the application: it has the hooks given, and a path', async t => {
  t.strictSame(readStatus({ onRequest: hook }), { path: '/proxy-status', hooks: [hook], listen: undefined })
  t.strictSame(readStatus({ onRequest: [hook, hook], path: '/ops/proxy' }), { path: '/ops/proxy', hooks: [hook, hook], listen: undefined })
})

t.test('a page on the server of the application without a hook: it is a wrong option', async t => {
  for (const options of [{}, { path: '/x' }, { onRequest: [] }]) t.throws(() => readStatus(options), { ...BAD, message: /status\.onRequest is required: the page is only there behind the hook that you name/ })
})

t.test('a listener of its own: on loopback it needs no hook', async t => {
  t.strictSame(readStatus({ listen: { port: 3129 } }), { path: '/', hooks: [], listen: { host: '127.0.0.1', port: 3129 } })
  for (const host of ['localhost', '::1', '127.0.0.2']) t.equal(readStatus({ listen: { host, port: 0 } }).listen?.host, host)
  t.strictSame(readStatus({ listen: { host: '0.0.0.0', port: 1 }, onRequest: hook, path: '/x' }), { path: '/x', hooks: [hook], listen: { host: '0.0.0.0', port: 1 } })
})

t.test('a listener of its own elsewhere, without a hook: it is a wrong option', async t => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'gateway.test']) t.throws(() => readStatus({ listen: { host, port: 1 } }), { ...BAD, message: /status\.onRequest is required where status\.listen\.host is not on loopback/ })
})

t.test('wrong values: the error names the option and never the value', async t => {
  const rows: Array<[unknown, RegExp]> = [
    [true, /option status must be an object/],
    [{ onRequest: 'secret' }, /status\.onRequest must be a hook or a list of hooks, got string/],
    [{ onRequest: [hook, 1] }, /status\.onRequest must be/],
    [{ onRequest: hook, path: 'secret' }, /status\.path must be a path such as \/proxy-status, got string/],
    [{ onRequest: hook, path: '/x/' }, /status\.path/],
    [{ onRequest: hook, path: '/:x' }, /status\.path/],
    [{ onRequest: hook, path: '/x*' }, /status\.path/],
    [{ onRequest: hook, path: '//x' }, /status\.path/],
    [{ onRequest: hook, path: 1 }, /status\.path/],
    [{ onRequest: hook, pth: '/x' }, /unknown option "status\.pth"; did you mean "status\.path"/],
    [{ listen: 3129 }, /status\.listen must be an object/],
    [{ listen: {} }, /status\.listen\.port/],
    [{ listen: { port: 65_536 } }, /status\.listen\.port/],
    [{ listen: { port: '1' } }, /status\.listen\.port/],
    [{ listen: { port: 1, host: '' } }, /status\.listen\.host/],
    [{ listen: { port: 1, host: 1 } }, /status\.listen\.host/],
    [{ listen: { port: 1, hots: 'x' } }, /unknown option "status\.listen\.hots"/]
  ]
  for (const [options, message] of rows) {
    t.throws(() => readStatus(options as never), { ...BAD, message })
    try {
      readStatus(options as never)
    } catch (error) {
      t.notMatch((error as Error).message, /secret/)
    }
  }
})
