import Fastify from 'fastify'
import proxyAuth, * as names from 'fastify-proxy-auth'
import { sendRequests } from './requests.cjs'

await sendRequests('ES module', { Fastify, plugin: proxyAuth, names })
