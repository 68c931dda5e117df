import t from 'tap'
import { gateway } from '../fixtures/gateway.js'

t.test('many reverse routes: one listener of each kind, and no warning of node (F-39)', async t => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', warn)
  t.teardown(() => { process.removeListener('warning', warn) })
  const lab = async (routes: number) => {
    const reverse = Array.from({ length: routes }, (_, i) => ({ prefix: `/r${i}`, upstream: 'http://127.0.0.1:1', websocket: true }) as never)
    return await gateway(t, { reverse })
  }
  const [one, many] = [await lab(1), await lab(25)]
  const counts = (server: NodeJS.EventEmitter): object => Object.fromEntries(server.eventNames().map(name => [name, server.listenerCount(name)]))
  t.strictSame(counts(many.app.server), counts(one.app.server))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(warnings, [])
})
