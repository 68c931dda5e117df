// A user with the name of those who come without credentials would be taken for one of them, by limits, logs and upstreams.
import t from 'tap'
import { BasicStrategy, DigestStrategy, NtlmStrategy, htdigest, htpasswd, lookupStatic, verifyStatic } from '../../lib/index.js'
import type { ProxyAuthOptions } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'

t.test('a user with the name of anonymous access: 403, wherever there is such access (F-72)', async t => {
  const target = await origin(t)
  for (const [anonymous, reserved] of [[{}, 'anonymous'], [{ name: 'guest' }, 'guest'], [undefined, null]] as const) {
    const strategies = [new BasicStrategy({ verify: ({ username }) => ({ username }) })] // a directory, whose accounts the boot does not know
    const gate = await gateway(t, { strategies, ...(anonymous !== undefined && { anonymous }), reverse: [{ prefix: '/api', upstream: target.url }] })
    for (const name of ['anonymous', 'guest']) {
      const field = `Proxy-Authorization: Basic ${Buffer.from(`${name}:a`).toString('base64')}`
      const rows = [`GET /api/x HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`, `GET ${target.url}/ HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n`, connectHead(target.authority, field)]
      for (const request of rows) {
        const client = await RawClient.to(t, gate.port)
        const text = await client.send(request).answer()
        client.socket.destroy()
        t.equal(text.slice(9, 12), name === reserved ? '403' : '200', `${name} where ${reserved} is reserved`)
      }
    }
  }
})

t.test('accounts known at the boot hold the name of anonymous access: the boot fails (F-72)', async t => {
  const folder = t.testdir({ htpasswd: 'guest:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n', htdigest: `guest:Gateway:${'0'.repeat(64)}\n` })
  const passwords = htpasswd(`${folder}/htpasswd`)
  const digests = htdigest(`${folder}/htdigest`)
  t.teardown(() => Promise.all([passwords.close(), digests.close()]))
  const rows: Array<[string, ProxyAuthOptions['strategies'][number]]> = [
    ['verifyStatic', new BasicStrategy({ verify: verifyStatic({ guest: 'a' }) })],
    ['htpasswd', new BasicStrategy({ verify: passwords.verify })],
    ['lookupStatic', new DigestStrategy({ ...lookupStatic({ guest: 'a' }) })],
    ['htdigest', new DigestStrategy({ lookup: digests.lookup, lookupHash: digests.lookupHash })],
    ['lookupStatic for NTLM', new NtlmStrategy({ lookup: lookupStatic({ guest: 'a' }).lookup })]
  ]
  for (const [name, strategy] of rows) {
    const boot = (anonymous: string) => gateway(t, { strategies: [strategy], connectionBound: true, anonymous: { name: anonymous } })
    await t.rejects(boot('guest'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /anonymous\.name/ }, name)
    await t.resolves(boot('visitor'), name)
  }
})
