// Requests in absolute-form by way of parents, ours and those that others have made, with each scheme.
import { request } from 'node:http'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { BasicStrategy, DigestStrategy, lookupStatic, verifyStatic } from '../../lib/index.js'
import type { ParentCredentials } from '../../lib/policy/parent/credentials.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Origin } from '../fixtures/origin.js'
import { PEER_PARENTS } from '../fixtures/peer-parents.js'

const USER = { username: 'gateway', password: 'gateway-secret' }
const MANY = 20 * 1024 * 1024

interface Answered { readonly status: number, readonly length: number, readonly fields: Record<string, unknown> }

/** A request by way of a gateway, with content of so many octets. */
async function send (by: Gateway, target: Origin, method: string, length = 0, chunked = false): Promise<Answered> {
  return await new Promise((resolve, reject) => {
    const headers = { 'proxy-authorization': ALICE, ...(length > 0 && !chunked && { 'content-length': length }) }
    const asked = request({ host: '127.0.0.1', port: by.port, method, path: `${target.url}/a`, headers, agent: false }, response => {
      let got = 0
      response.on('data', (chunk: Buffer) => { got += chunk.length }).on('end', () => resolve({ status: response.statusCode!, length: got, fields: response.headers })).on('error', reject)
    })
    asked.on('error', reject)
    if (length === 0) asked.end()
    else Readable.from(pieces(length)).pipe(asked)
  })
}

function * pieces (length: number): Generator<Buffer> {
  const piece = Buffer.alloc(65_536, 'x')
  for (let left = length; left > 0; left -= piece.length) yield piece.subarray(0, left)
}

/** What each parent has to pass, whose account is new with each gateway. */
async function testBy (t: Test, port: number, credentials: ParentCredentials, refuses = true): Promise<void> {
  const target = await origin(t, (_request, response, body) => response.end(body.length === 0 ? 'origin' : body))
  const by = async (its: ParentCredentials = credentials) => await gateway(t, {
    via: 'front', forward: { parents: [{ url: `http://localhost:${port}`, name: 'parent', credentials: its }], special: ['127.0.0.1:*'] }
  })
  const first = await by()
  t.match(await send(first, target, 'GET'), { status: 200, length: 6 })
  t.match(await send(first, target, 'HEAD'), { status: 200, length: 0 })
  for (const chunked of [false, true]) t.match(await send(first, target, 'POST', 3, chunked), { status: 200, length: 3 })
  t.match(await Promise.all(Array.from({ length: 20 }, async (_each, i) => (await send(first, target, i % 2 === 0 ? 'GET' : 'POST', i % 2)).status)), Array(20).fill(200))
  t.match(await send(await by(), target, 'POST', MANY), { status: 200, length: MANY }, 'content first')
  t.match(await send(await by(), target, 'PUT', MANY, true), { status: 200, length: MANY }, 'content first, in chunks')
  for (const { headers } of target.seen) t.notMatch(Object.keys(headers).join(), /proxy-/)
  if (credentials.scheme === 'Negotiate' || !refuses) return
  const wrong = await by({ ...credentials, password: 'wrong' } as ParentCredentials)
  const refused = await send(wrong, target, 'GET')
  t.match(refused, { status: 502, fields: { 'proxy-authenticate': undefined } })
  t.match(await send(wrong, target, 'POST', 3), { status: 502 })
}

for (const { name, skip, start } of PEER_PARENTS) {
  t.test(`${name}: it is a parent`, { skip }, async t => {
    const { port, credentials, refusesAsOrigin = false } = await start(t)
    await testBy(t, port, credentials, !refusesAsOrigin)
  })
}

t.test('a gateway of ours, with Basic and with Digest: it is a parent', async t => {
  const { port } = await gateway(t, { via: 'back', strategies: [new DigestStrategy(lookupStatic({ gateway: USER.password })), new BasicStrategy({ verify: verifyStatic({ gateway: USER.password }) })] })
  for (const scheme of ['Basic', 'Digest'] as const) await testBy(t, port, { scheme, ...USER })
})

t.test('three gateways in a chain: each logs in at the next', async t => {
  const last = await gateway(t, { via: 'last', strategies: [new DigestStrategy(lookupStatic({ middle: 'middle-secret' }))] })
  const middle = await gateway(t, {
    via: 'middle',
    strategies: [new BasicStrategy({ verify: verifyStatic({ gateway: USER.password }) })],
    forward: { parents: [{ url: last.url, credentials: { scheme: 'Digest', username: 'middle', password: 'middle-secret' } }], special: ['127.0.0.1:*'] }
  })
  await testBy(t, middle.port, { scheme: 'Basic', ...USER })
  t.match(last.proxied().map(({ user }) => user), Array(last.proxied().length).fill('middle'))
  t.match(middle.proxied().map(({ user }) => user), Array(middle.proxied().length).fill('gateway'))
})
