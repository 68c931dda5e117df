// The package proxy-chain with one user.
import { Server } from 'proxy-chain'
import { measured } from '../measured.ts'
import { readOptions } from '../options.ts'

const known = readOptions()
const server = new Server({
  port: 0,
  host: '127.0.0.1',
  prepareRequestFunction: ({ username, password }) => ({ requestAuthentication: username !== known.username || password !== known.password })
})
await server.listen()
measured({ port: server.port })
