// What cannot be read had the requests before it looked at once more. Behind a malformed message that made malformed ones of them: while
// one waited for a verdict, a limit or a rule, its target turned into "/", for the origin, the application and the log.

import t from 'tap'
import { BasicStrategy } from '../../lib/index.js'
import type { ProxyAuthOptions } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'

const UNREADABLE = 'no request\r\n\r\n'
const MALFORMED = {
  'a target that is none': 'TRACE h:// HTTP/1.1\r\nHost: h\r\n\r\n',
  'absolute-form without Host': 'GET http://h.test/ HTTP/1.1\r\n\r\n',
  'CONNECT without a port': 'CONNECT h.test HTTP/1.1\r\nHost: h.test\r\n\r\n'
}
/** What a request waits for. */
const WAITS: Record<string, Partial<ProxyAuthOptions>> = {
  'a verdict': { strategies: [new BasicStrategy({ verify: async (username) => await new Promise(resolve => setImmediate(resolve, { username })) })] },
  'a limit': { limits: [{ requests: 100, quota: { octets: 1e9, per: 'day' } }] },
  'a rule': { policy: { default: 'allow', rules: [] }, authorize: async () => await new Promise(resolve => setImmediate(resolve, true)) }
}
const FORMS = ['/api/path?query=1', '/own/path?query=1', 'absolute-form'] as const

for (const [what, options] of Object.entries(WAITS)) {
  for (const [malformed, message] of Object.entries(MALFORMED)) {
    t.test(`${malformed} and what cannot be read, behind a request that waits for ${what}: that keeps its target`, async t => {
      const heard: string[] = []
      const target = await origin(t, (request, response) => {
        heard.push(request.url!)
        response.end()
      })
      const gate = await gateway(t, {
        ...options,
        reverse: [{ prefix: '/api', upstream: target.url }],
        after: app => {
          app.get('/own/*', { onRequest: app.proxyAuthenticate as never }, async ({ url }) => {
            heard.push(url)
            return 'own'
          })
        }
      })
      for (const form of FORMS) {
        const url = form === 'absolute-form' ? `${target.url}/path?query=1` : form
        const client = await RawClient.to(t, gate.port)
        const head = `GET ${url} HTTP/1.1\r\nHost: ${target.authority}\r\nProxy-Authorization: ${ALICE}\r\n\r\n`
        const response = await client.send(head + message + UNREADABLE).end()
        // Fastify responds to what cannot be read before its own routes have responded.
        if (!form.startsWith('/own')) t.match(response, /^HTTP\/1\.1 200 /, form)
      }
      await until(() => heard.length === FORMS.length)
      t.same(heard, ['/path?query=1', '/own/path?query=1', '/path?query=1'])
    })
  }
}
