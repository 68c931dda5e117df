// A reverse route without authentication: @fastify/http-proxy as it is.
import type { AddressInfo } from 'node:net'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import { measured } from '../measured.js'

const app = Fastify()
await app.register(httpProxy, { prefix: '/api', upstream: process.env['ORIGIN']!, disableRequestLogging: true })
await app.listen({ port: 0, host: '127.0.0.1' })
measured({ port: (app.server.address() as AddressInfo).port })
