// The targets of all requests and tunnels, in one process.
import type { AddressInfo, Server } from 'node:net'
import { measured } from '../measured.js'
import { createEchoServer } from '../origins/echo.js'
import { createHttpServer } from '../origins/http.js'
import { createOctetServer } from '../origins/octets.js'
import { createContentServer } from '../transfers.js'

const servers = { http: createHttpServer(), echo: createEchoServer(), octets: createOctetServer(), contents: createContentServer() }
measured(Object.fromEntries(await Promise.all(Object.entries(servers).map(async ([name, server]) => [name, await listen(server)]))))

async function listen (server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  return (server.address() as AddressInfo).port
}
