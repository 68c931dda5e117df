import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { listen } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { message } from '../fixtures/reverse.js'

async function statusThrough (t: Test, upstream: string, route: object): Promise<string> {
  const { port, app } = await gateway(t, { reverse: [{ prefix: '/api', upstream, ...route }] })
  const client = await RawClient.to(t, port)
  const answer = await client.send(message('GET', '/api', { 'Proxy-Authorization': ALICE })).end()
  await app.close()
  return `${/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]} ${/FST_PROXY_AUTH_\w+/.exec(answer)?.[0] ?? ''}`
}

/** Options for each client, with those of TLS where it takes them. */
const CLIENTS: Record<string, (tls: object) => object> = {
  undici: tls => ({ undici: { connect: tls } }),
  'undici, by tls': tls => ({ undici: { tls } }),
  'node\'s own': tls => ({ undici: false, http: { requestOptions: tls } }),
  http2: tls => ({ http2: { sessionOptions: tls } })
}

for (const [name, optionsOf] of Object.entries(CLIENTS)) {
  t.test(`the upstream's certificate is verified unless the options say otherwise: ${name}`, { skip: openssl.skip }, async t => {
    const { cert, key } = certificate(t, 'up.test')
    const server = name === 'http2'
      ? createSecureServer({ cert, key }, (_request, response) => { response.end('ok') })
      : createServer({ cert, key }, (_request, response) => { response.end('ok') })
    const upstream = `https://127.0.0.1:${await listen(t, Object.assign(server, { closeAllConnections () {} }) as never)}`
    t.equal(await statusThrough(t, upstream, optionsOf({})), '502 FST_PROXY_AUTH_TLS')
    t.equal(await statusThrough(t, upstream, optionsOf({ ca: cert })), '200 ')
    t.equal(await statusThrough(t, upstream, optionsOf({ rejectUnauthorized: false })), '200 ')
  })
}
