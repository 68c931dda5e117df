import { once } from 'node:events'
import t from 'tap'
import { BasicStrategy } from '../../../lib/index.js'
import { Exchanges } from '../../../lib/proxy/exchange/exchanges.js'
import { closeWhileDraining } from '../../../lib/proxy/exchange/close-while-draining.js'
import { ALICE, gateway } from '../../fixtures/gateway.js'
import { RawClient } from '../../fixtures/raw-client.js'

t.test('responses of a server: they close the connection while it stops, and not before', async t => {
  const exchanges = new Exchanges()
  const hook = closeWhileDraining(exchanges)
  const raw = { shouldKeepAlive: true }
  let sent = 0
  const send = () => hook.call({} as never, {} as never, { raw } as never, 'content', ((error: unknown, payload: unknown) => {
    t.strictSame([error, payload], [null, 'content'])
    sent += 1
  }) as never)
  send()
  t.equal(raw.shouldKeepAlive, true)
  await exchanges.drain(0)
  send()
  t.equal(raw.shouldKeepAlive, false)
  t.equal(sent, 2)
})

for (const target of ['http://127.0.0.1:1/', '/api/']) {
  t.test(`who waits for a verdict on ${target} while the server stops gets it, and holds nothing up`, async t => {
    let judge!: () => void
    let asked!: () => void
    const waiting = new Promise<void>(resolve => { asked = resolve })
    const strategy = new BasicStrategy({
      verify: async () => {
        asked()
        await new Promise<void>(resolve => { judge = resolve })
        return null
      }
    } as never)
    const { app, port } = await gateway(t, { strategies: [strategy], reverse: [{ prefix: '/api', upstream: 'http://127.0.0.1:1' }] })
    const client = await RawClient.to(t, port)
    client.send(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:1\r\nProxy-Authorization: ${ALICE}\r\n\r\n`)
    await waiting
    const stopped = once(app.server, 'close')
    const closing = app.close()
    while (app.server.listening) await new Promise(resolve => setImmediate(resolve))
    judge()
    t.match(await client.end(), /^HTTP\/1\.1 407 [^]*\r\nConnection: close\r\n/i)
    client.socket.end()
    await Promise.all([closing, stopped])
  })
}
