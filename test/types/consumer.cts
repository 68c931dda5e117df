// A CommonJS module: `require()` of an ES module gives its namespace.
import Fastify = require('fastify')
import proxyAuth = require('fastify-proxy-auth')
import passport = require('passport')

const { default: plugin, BasicStrategy, AuthenticationRequired, proxyAuthenticate } = proxyAuth
const options: proxyAuth.ProxyAuthOptions = {
  realm: 'Lab',
  strategies: [new BasicStrategy({ verify: ({ username }) => ({ username }) })]
}

const app = Fastify()
app.register(plugin, options)
app.register(proxyAuth.default, options)
app.get('/', { onRequest: proxyAuthenticate }, async (request) => request.proxyAuth?.name)
// @ts-expect-error: it may not be there yet, and the route would be open
app.get('/open', { onRequest: app.proxyAuthenticate }, async () => '')
app.after(() => {
  if (app.proxyAuthenticate) app.get('/own', { onRequest: app.proxyAuthenticate }, async (request) => request.proxyAuth?.name)
})

const secure = Fastify({ http2: true, https: { allowHTTP1: true } })
secure.register(plugin, options)
secure.get('/', { onRequest: proxyAuthenticate, preHandler: [proxyAuthenticate] }, async (request) => request.proxyAuth?.name)
passport.use(new BasicStrategy({ verify: proxyAuth.verifyStatic({ alice: 'alice-secret' }) }))
app.register(plugin, { ...options, strategies: ['basic'], passport })
app.register(plugin, { ...options, strategies: ['basic'], passport: new passport.Passport() })
app.setErrorHandler((error) => {
  if (error instanceof AuthenticationRequired) return error.code
  throw error
})
