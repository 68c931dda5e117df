// A CommonJS module, which `require()`s the ES module and so gets its namespace.
import Fastify = require('fastify')
import proxyAuth = require('fastify-proxy-auth')

const app = Fastify()
app.register(proxyAuth.default, {
  strategies: [new proxyAuth.BasicStrategy({ verify: ({ username }) => ({ username }) })]
})
app.after(() => {
  app.get('/', { onRequest: app.proxyAuthenticate }, async (request) => request.proxyAuth?.name)
})
