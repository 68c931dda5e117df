// The package proxy with one user.
import { createServer } from 'node:http'
import { createProxy } from 'proxy'
import { measured } from '../measured.ts'
import { readOptions } from '../options.ts'

const { username, password } = readOptions()
const known = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
const server = createProxy(createServer())
server.authenticate = (request) => request.headers['proxy-authorization'] === known
server.listen(0, '127.0.0.1', () => measured({ port: server.address().port }))
