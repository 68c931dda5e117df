// A CommonJS module: `require()` of an ES module gives its namespace.
import Fastify = require('fastify')
import proxyAuth = require('fastify-proxy-auth')

const { default: plugin, BasicStrategy, AuthenticationRequired } = proxyAuth
const options: proxyAuth.ProxyAuthOptions = {
  realm: 'Lab',
  strategies: [new BasicStrategy({ verify: ({ username }) => ({ username }) })]
}

const app = Fastify()
app.register(plugin, options)
app.register(proxyAuth.default, options)
app.after(() => {
  app.get('/', { onRequest: app.proxyAuthenticate }, async (request) => request.proxyAuth?.name)
})
app.setErrorHandler((error) => {
  if (error instanceof AuthenticationRequired) return error.code
  throw error
})
