// NTLM for the users of a Windows domain, which Samba's winbindd asks.
//   node examples/ntlm-samba.mjs
//   curl --proxy-ntlm -U 'DOMAIN\alice:alice-secret' -x http://127.0.0.1:8080 https://example.org/

import Fastify from 'fastify'
import proxyAuth, { NtlmStrategy, ntlmAuth } from 'fastify-proxy-auth'

const app = Fastify({ logger: true })
const verifier = ntlmAuth({ command: process.env.NTLM_AUTH ?? 'ntlm_auth' })
app.addHook('onClose', async () => verifier.close())
await app.register(proxyAuth, {
  realm: 'Office',
  strategies: [new NtlmStrategy({ verifier })],
  connectionBound: true, // nothing in front of this proxy puts several users on one connection
  forward: { special: process.env.SPECIAL?.split(',') }
})
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })
