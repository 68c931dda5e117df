import t from 'tap'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { ALICE } from '../fixtures/gateway.js'
import type { Line } from '../fixtures/log.js'
import { RawClient } from '../fixtures/raw-client.js'

const url = (line: Line): unknown => (line['req'] as { url?: string } | undefined)?.url

for (const rewrites of [false, true]) {
  t.test(`each form is served, and named to hooks and log as received, ${rewrites ? 'with' : 'without'} rewriteUrl (F-1)`, async t => {
    const seen: string[] = []
    const rewriteUrl = ({ url }: { url?: string }): string => {
      if (!url!.startsWith('/')) throw new Error('no path')
      return url!
    }
    const around = await surroundings(t, {
      fastify: rewrites ? { rewriteUrl } : {},
      before: app => { app.addHook('onRequest', async ({ url, originalUrl, raw }) => { seen.push(url, originalUrl, raw.url!) }) }
    })
    const { origin, log } = around
    for (const form of FORMS) {
      const client = await RawClient.to(t, around.port)
      await client.send(message(form, origin.authority, [`Proxy-Authorization: ${ALICE}`], { path: '/x?y=%zz' })).until(text => text.includes('\r\n\r\n'))
      t.match(client.text, /^HTTP\/1\.1 200 /, form)
    }
    const targets = ['/api/x?y=%zz', `http://${origin.authority}/x?y=%zz`, origin.authority]
    t.strictSame(seen, targets.flatMap(target => [target, target, target]))
    t.strictSame(log.filter(({ msg }) => msg === 'incoming request').map(url), targets)
  })
}

t.test('the path that the router gets in place of a target: requested in any form, it is for the application (F-1)', async t => {
  const around = await surroundings(t, { after: app => { app.get('/', async () => 'theirs') } })
  const ask = async (line: string) => await (await RawClient.to(t, around.port))
    .send(`${line} HTTP/1.1\r\nHost: gateway.test\r\nProxy-Authorization: ${ALICE}\r\nConnection: close\r\n\r\n`).end()
  t.match(await ask('GET /'), /^HTTP\/1\.1 200 .*\r\n\r\ntheirs$/s)
  t.match(await ask('PUT /'), /^HTTP\/1\.1 404 /)
  t.match(await ask('CONNECT /'), /^HTTP\/1\.1 400 /)
  t.match(await ask(`GET http://127.0.0.1:${around.port}/`), /^HTTP\/1\.1 403 /)
  t.strictSame(around.origin.seen, [])
})
