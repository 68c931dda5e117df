import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { announcesContent, overlookBesideContent } from '../../lib/proxy/offer-beside-content.js'

const request = (headers: object) => ({ headers }) as unknown as IncomingMessage

t.test('a length or a coding announces content', t => {
  for (const headers of [{ 'content-length': '3' }, { 'transfer-encoding': 'chunked' }]) t.equal(announcesContent(request(headers)), true)
  for (const headers of [{}, { 'content-length': '00' }]) t.equal(announcesContent(request(headers)), false)
  t.end()
})

t.test('an offer beside it is none, where node asks; any other is what the server says (R-UPG-3)', t => {
  const asked: unknown[] = []
  const server = { says: true, shouldUpgradeCallback (this: { says: boolean }, { url }: IncomingMessage) { asked.push(url); return this.says } }
  overlookBesideContent(server as never)
  const offer = (url: string, headers: Record<string, string> = {}) => server.shouldUpgradeCallback({ ...request(headers), url } as IncomingMessage)
  t.equal(offer('/content', { 'content-length': '1' }), false)
  t.equal(offer('/yes'), true)
  server.says = false
  t.equal(offer('/no'), false)
  t.strictSame(asked, ['/yes', '/no'])
  const older = {}
  overlookBesideContent(older as never)
  t.strictSame(older, {}, 'node 20 does not ask')
  t.end()
})
