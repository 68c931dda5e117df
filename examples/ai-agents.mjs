// Egress for AI agents: each has its own login and hosts. The key of the model's API is added here, so that no agent holds it.
//   MODEL_URL=https://models.example.com MODEL_KEY=the-real-key node examples/ai-agents.mjs
//   curl -x http://writer:writer-secret@127.0.0.1:8080 https://example.org/
//   curl -H "Proxy-Authorization: Basic $(printf writer:writer-secret | base64)" http://127.0.0.1:8080/model/v1/models

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, verifyStatic } from 'fastify-proxy-auth'

const { MODEL_URL, MODEL_KEY, WRITER_HOSTS = 'example.org', SPECIAL, PORT = 8080 } = process.env
const agents = {
  writer: { password: 'writer-secret', hosts: WRITER_HOSTS.split(','), apis: ['model'] },
  tester: { password: 'tester-secret', hosts: ['registry.npmjs.org', 'pypi.org'], apis: [] }
}

const app = Fastify({ logger: true })
await app.register(proxyAuth, {
  realm: 'Agents',
  strategies: [new BasicStrategy({ verify: verifyStatic(agents) })],
  forward: { check: ({ host }, { user }) => user.hosts.includes(host), special: SPECIAL?.split(',') },
  reverse: [{
    prefix: '/model',
    upstream: MODEL_URL,
    preHandler: async ({ proxyAuth }, reply) => proxyAuth.user.apis.includes('model') ? undefined : reply.code(403).send(),
    replyOptions: { rewriteRequestHeaders: (_request, fields) => ({ ...fields, authorization: `Bearer ${MODEL_KEY}` }) }
  }]
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
