const Fastify = require('fastify')
const proxyAuth = require('fastify-proxy-auth')
const { sendRequests } = require('./requests.cjs')

// The namespace itself is what CommonJS code registers.
sendRequests('CommonJS', { Fastify, plugin: proxyAuth, names: proxyAuth })
