// Rules in a file: who may reach what, and why not. The file is read again when it changes.
//   npm install yaml && node examples/policy.mjs examples/policies/office.yaml
//   curl -x http://alice:alice-secret@127.0.0.1:8080 -i https://www.casino.example/
//   curl -H "Proxy-Authorization: Basic $(printf acme:acme-secret | base64)" http://127.0.0.1:8080/orders/v1/orders
//   node examples/policy.mjs examples/policies/office.yaml alice www.casino.example:443

import Fastify from 'fastify'
import proxyAuth, { BasicStrategy, policyFile, verifyStatic } from 'fastify-proxy-auth'

const [file = process.env.POLICY, user, target] = process.argv.slice(2)
const { UPSTREAM = 'http://127.0.0.1:3001', SPECIAL, PORT = 8080 } = process.env
const names = { alice: ['staff'], ci: ['ci'], writer: [], tester: [], reader: [], acme: ['partners'] } // and their groups
const accounts = Object.entries(names).map(([name, groups]) => [name, { password: `${name}-secret`, groups }])

const app = Fastify({ logger: target === undefined })
const policy = policyFile(file, { log: (problem) => app.log.error(problem) })
app.addHook('onClose', async () => await policy.close())
await app.register(proxyAuth, {
  realm: 'Rules',
  strategies: [new BasicStrategy({ verify: verifyStatic(Object.fromEntries(accounts)) })],
  forward: { special: SPECIAL?.split(',') },
  reverse: ['/orders', '/catalogue'].map((prefix) => ({ prefix, upstream: UPSTREAM })),
  policy
})
if (target === undefined) await app.listen({ host: '127.0.0.1', port: Number(PORT) })
else {
  console.log((await app.proxyAuthExplain({ user, groups: names[user], target })).summary)
  await app.close()
}
