import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Askers } from '../../../lib/proxy/ingress/askers.js'

t.test('several questions about the requests of a server: the first brings what asks all of them', async t => {
  const askers = new Askers()
  const [server, other] = [createServer(), createServer()]
  const isUnder = (prefix: string) => ({ url }: IncomingMessage) => url!.startsWith(prefix)
  t.equal(askers.has(server), false)
  const ask = askers.add(server, isUnder('/a'))!
  t.equal(askers.has(server), true)
  t.equal(askers.add(server, isUnder('/b')), undefined)
  t.same(['/a', '/b', '/c'].map((url) => ask({ url } as IncomingMessage)), [true, true, false])
  t.type(askers.add(other, isUnder('/')), 'function')
})
