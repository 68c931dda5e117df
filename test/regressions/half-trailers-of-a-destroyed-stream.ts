import { fork } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { ownProgram } from '../fixtures/own-program.js'
import { RawHttp2 } from '../fixtures/raw-http2.js'

// Node ends the process when it collects a session before a stream of it that holds fields of a block without an end, which it does when
// the stream was destroyed while the session was writing for it. Of node 25 and later such a stream may be held by its session for ever,
// and nothing outside of node can help (docs/security.md).

const CONNECTIONS = 60
const [major] = process.versions.node.split('.').map(Number)

const HEAD = [[':method', 'POST'], [':scheme', 'http'], [':path', '/'], [':authority', 'gateway.test']] as const
/** A literal field, of a block that does not end. */
const HALF = `\0\x03x-a\x64${'x'.repeat(100)}`

t.test('clients begin trailer sections and do not end them, streams are destroyed while written to, garbage is collected: the process lives', {
  skip: major! >= 25 ? 'node itself ends the process' : false
}, async t => {
  const { execArgv, file } = ownProgram(new URL('../fixtures/destroyed-while-writing.ts', import.meta.url))
  const child = fork(file, {
    execArgv: [...execArgv], stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  t.teardown(() => { child.kill('SIGKILL') })
  const [port] = await once(child, 'message') as [number]
  const exited = once(child, 'exit')
  for (let i = 0; i < CONNECTIONS && child.connected; i++) {
    const client = await RawHttp2.to(t, port, [[4, 0x7fffffff]])
    client.socket.pause()
    client.socket.cork()
    client.send('WINDOW_UPDATE', 0, 0, '\x7f\0\0\0').headers(1, HEAD).send('HEADERS', 1, 1, HALF)
    client.socket.uncork()
    await Promise.race([once(child, 'message'), exited])
    client.socket.destroy()
  }
  t.strictSame([child.exitCode, child.signalCode], [null, null])
})
