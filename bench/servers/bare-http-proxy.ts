// What the forwarded request is compared with: @fastify/http-proxy as it is, without authentication.
import type { AddressInfo } from 'node:net'
import httpProxy from '@fastify/http-proxy'
import Fastify from 'fastify'
import { measured } from '../measured.js'

const app = Fastify()
await app.register(httpProxy, { upstream: process.env['ORIGIN']!, disableRequestLogging: true })
await app.listen({ port: 0, host: '127.0.0.1' })
measured((app.server.address() as AddressInfo).port)
