import { spawn } from 'node:child_process'
import { once } from 'node:events'
import Fastify from 'fastify'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import proxyAuth from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, basic } from '../fixtures/gateway.js'
import { Log } from '../fixtures/log.js'
import { origin } from '../fixtures/origin.js'
import { ownProgram } from '../fixtures/own-program.js'
import { RawClient } from '../fixtures/raw-client.js'
import { rawOrigin } from '../fixtures/raw-origin.js'
import { until } from '../fixtures/until.js'

const RIGHT = `Proxy-Authorization: ${ALICE}`

t.test('app.close() before listen, and while booting: resolves (F-2)', async t => {
  const target = await origin(t)
  const options = { realm: 'Gateway', strategies: [basic()], forward: {}, reverse: [{ prefix: '/api', upstream: target.url }] }
  const [registered, booting, injected] = [Fastify(), Fastify(), Fastify()]
  await registered.register(proxyAuth, options)
  await registered.close()
  booting.register(proxyAuth, options)
  const ready = booting.ready()
  await booting.close()
  await ready.then(() => {}, () => {})
  await injected.register(proxyAuth, options)
  const asking = injected.inject({ url: '/api', headers: { 'proxy-authorization': ALICE } })
  t.match(await asking, { statusCode: 200 })
  await injected.close()
})

t.test('app.inject(): the log says how it ended, and app.close() has nothing to wait for (F-3)', async t => {
  const target = await origin(t, (_request, response, body) => response.end(`got ${body.length}`))
  const rows: Array<[InjectOptions, Record<string, unknown>]> = [
    [{ url: '/api/x' }, { status: 200, bytesOut: 5 }],
    [{ url: '/api/x', method: 'HEAD' }, { status: 200, bytesOut: 0 }],
    [{ url: '/api/x', method: 'POST', payload: { a: 1 } }, { status: 200, bytesIn: 7 }],
    [{ url: '/api/x', method: 'POST', payload: 'abc', simulate: { split: true } as never }, { status: 200, bytesIn: 3 }],
    [{ url: '/api/x', simulate: { close: true } as never }, { status: 200 }],
    [{ url: '/api/x', payloadAsStream: true }, { status: 200 }],
    [{ url: '/api/x', headers: { connection: 'upgrade', upgrade: 'websocket' } }, { status: 200 }]
  ]
  for (const undici of [undefined, false]) {
    const log = new Log()
    const app = Fastify({ logger: { stream: log.stream } })
    await app.register(proxyAuth, {
      realm: 'Gateway', strategies: [basic()], forward: {}, drainTimeout: 2 ** 31 - 1, reverse: [{ prefix: '/api', upstream: target.url, undici } as never]
    })
    for (const [request, line] of rows) {
      const response = await app.inject({ ...request, headers: { ...request.headers, 'proxy-authorization': ALICE } })
      t.equal(response.statusCode, 200)
      if (request.payloadAsStream === true) await response.stream().toArray()
      const { proxy } = await log.until(() => log.lines.find(({ proxy }) => proxy !== undefined)) as { proxy: Record<string, unknown> }
      t.match(proxy, line, JSON.stringify(request))
      t.notOk('reason' in proxy, JSON.stringify(request))
      log.lines.length = 0
    }
    await app.close()
  }
})

t.test('app.inject() given up: one line in the log, and app.close() has nothing to wait for (F-3)', async t => {
  const silent = await rawOrigin(t, () => {})
  const log = new Log()
  const app = Fastify({ logger: { stream: log.stream } })
  await app.register(proxyAuth, { realm: 'Gateway', strategies: [basic()], drainTimeout: 2 ** 31 - 1, reverse: [{ prefix: '/api', upstream: silent.url }] })
  const controller = new AbortController()
  const asking = app.inject({ url: '/api/x', headers: { 'proxy-authorization': ALICE }, signal: controller.signal })
  await until(() => silent.received.length === 1)
  controller.abort()
  await t.rejects(asking)
  await app.close()
  t.match(log.proxied(), [{ user: 'alice', bytesOut: 0 }])
})

t.test('SIGTERM on npm start with a tunnel: exits with 0 within drainTimeout and a little (F-2)', { timeout: 120_000 }, async t => {
  const { execArgv, file } = ownProgram(new URL('../../demo/gateway.ts', import.meta.url))
  const child = spawn(process.execPath, [...execArgv, file], { env: { PATH: process.env['PATH'], PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close') // when all that it has written is here, too
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  const said = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(output)
      if (found !== null) return found
      await once(child.stdout, 'data')
    }
  }
  const [, port] = await said(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  const [, authority] = await said(/ -i http:\/\/(127\.0\.0\.1:\d+)\/hello/)
  const [client, silent] = [await RawClient.to(t, Number(port)), await RawClient.to(t, Number(port))]
  t.match(await client.send(connectHead(authority!, RIGHT)).answer(), /^HTTP\/1\.1 200 /)
  const before = performance.now()
  child.kill('SIGTERM')
  t.strictSame(await ended, [0, null])
  t.ok(performance.now() - before < 30_000)
  t.match(output, /"reason":"closing"/)
  t.equal(await client.end(), '')
  t.equal(await silent.end(), '')
})
