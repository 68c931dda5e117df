import { connect } from 'node:http2'
import t from 'tap'
import type { FastifyInstance } from 'fastify'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

// Fastify takes a hook whose promise resolves while the response is not sent for one that lets the request in. The promise of
// a response that a hook returns resolves when the client leaves before its end, too: a stranger who sent content, read the
// head of the 407 and left was forwarded.

const HOOKS: ReadonlyArray<NonNullable<GatewayOptions['hook']>> = ['preHandler', 'onRequest']
const left = (line: { msg?: unknown }): boolean => line.msg === 'stream closed prematurely'

for (const hook of HOOKS) {
  for (const form of FORMS.filter(form => form !== 'CONNECT')) {
    for (const [name, fields, sent] of [
      ['in the midst of its content', ['Content-Length: 90000'], 89_999],
      ['with content that it has not sent', ['Content-Length: 3', 'Expect: 100-continue'], 0]
    ] as const) {
      t.test(`${form}, ${hook}: a refused client leaves ${name}: nothing is forwarded`, async t => {
        const surrounded = await surroundings(t, { hook })
        const { port, origin } = surrounded
        const client = await RawClient.to(t, port)
        client.send(message(form, origin.authority, [...fields], { method: 'POST', body: 'x'.repeat(sent) }))
        t.match(await client.until(text => text.includes('\r\n\r\n')), /^HTTP\/1.1 407 /)
        client.socket.destroy()
        await surrounded.logged(left)
        const known = await RawClient.to(t, port)
        t.match(await known.send(message(form, origin.authority, [`Proxy-Authorization: ${ALICE}`])).answer(), /^HTTP\/1.1 200 /)
        t.equal(origin.connections, 1, 'that of the known client')
        t.equal(surrounded.proxied().length, 1)
      })
    }
  }

  for (const form of FORMS) {
    t.test(`${form}, ${hook}: a refused client leaves while a hook holds the response: nothing is forwarded`, async t => {
      const held = holding()
      const surrounded = await surroundings(t, { hook, before: held.before })
      const { port, origin } = surrounded
      const client = await RawClient.to(t, port)
      client.send(message(form, origin.authority))
      await until(() => held.release.length === 1)
      const socket = held.sockets[0]!
      client.socket.resetAndDestroy()
      await until(() => socket.destroyed)
      held.open()
      held.release[0]!()
      const known = await RawClient.to(t, port)
      t.match(await known.send(message(form, origin.authority, [`Proxy-Authorization: ${ALICE}`])).answer(), /^HTTP\/1.1 200 /)
      t.equal(origin.connections, 1, 'that of the known client')
      known.socket.destroy()
      await until(() => surrounded.proxied().length > 0)
      t.equal(surrounded.proxied().length, 1)
    })
  }
}

t.test('HTTP/2: a refused client resets its stream while a hook holds the response: nothing is forwarded', async t => {
  const held = holding()
  const upstream = await origin(t)
  const { url } = await gateway(t, {
    before: held.before, fastify: { http2: true } as never, forward: undefined as never, reverse: [{ prefix: '/api', upstream: upstream.url }]
  })
  const session = connect(url)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':path': '/api/' })
  stream.on('error', () => {})
  await until(() => held.release.length === 1)
  stream.close(8)
  await new Promise<void>(resolve => session.ping(() => resolve()))
  held.open()
  held.release[0]!()
  const known = session.request({ ':path': '/api/', 'proxy-authorization': ALICE })
  await new Promise<void>(resolve => known.resume().on('end', resolve))
  t.equal(upstream.seen.length, 1)
})

/** An application whose `onSend` holds each response until it is released, or until it is open. */
function holding () {
  const release: Array<() => void> = []
  const sockets: Array<{ destroyed: boolean }> = []
  let isOpen = false
  return {
    release,
    sockets,
    open: () => { isOpen = true },
    before: (app: FastifyInstance) => {
      app.addHook('onSend', async request => {
        if (isOpen) return
        sockets.push(request.raw.socket)
        await new Promise<void>(resolve => release.push(resolve))
      })
    }
  }
}
