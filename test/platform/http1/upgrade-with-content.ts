import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Readable } from 'node:stream'
import { ignoreUpgradeWithContent, wasIgnored } from '../../../lib/platform/http1/upgrade-with-content.js'

const request = (headers: object) => ({ headers }) as unknown as IncomingMessage

t.test('an Upgrade with content, where node asks: it is none, and the server decides on any other (R-UPG-3)', t => {
  const asked: unknown[] = []
  const server = { says: true, shouldUpgradeCallback (this: { says: boolean }, { url }: IncomingMessage) { asked.push(url); return this.says } }
  ignoreUpgradeWithContent(server as never)
  const offer = (url: string, headers: Record<string, string> = {}) => server.shouldUpgradeCallback({ ...request(headers), url } as IncomingMessage)
  t.equal(offer('/content', { 'content-length': '1' }), false)
  t.equal(offer('/yes'), true)
  server.says = false
  t.equal(offer('/no'), false)
  t.strictSame(asked, ['/yes', '/no'])
  const older = {}
  ignoreUpgradeWithContent(older as never)
  t.strictSame(older, {}, 'node 20 does not ask')
  t.end()
})

t.test('an ignored Upgrade whose content ends: it becomes an upgrade, for node to hand over what follows (F-74)', t => {
  const server = { shouldUpgradeCallback: (_request: IncomingMessage): unknown => true }
  ignoreUpgradeWithContent(server as never)
  const offer = Object.assign(new Readable({ read () {} }), { headers: { 'content-length': '3' }, upgrade: false })
  t.equal(wasIgnored(offer as never), false)
  server.shouldUpgradeCallback(offer as never)
  t.equal(wasIgnored(offer as never), true)
  offer.push('abc')
  t.equal(offer.upgrade, false)
  offer.push(null)
  t.equal(offer.upgrade, true)
  t.equal(String(offer.read()), 'abc')
  t.end()
})
