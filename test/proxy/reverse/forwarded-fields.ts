import Fastify from 'fastify'
import type { FastifyServerOptions } from 'fastify'
import t from 'tap'
import { listOf, recordOf } from '../../../lib/fields/raw-list.js'
import type { FieldRecord } from '../../../lib/fields/hop-by-hop.js'
import { addForwardedFields } from '../../../lib/proxy/reverse/forwarded-fields.js'

/** What the upstream would be told of a request with those fields. */
async function told (headers: Record<string, string>, options: FastifyServerOptions = {}, peer = '192.0.2.7'): Promise<Record<string, unknown>> {
  const app = Fastify(options)
  app.get('/', async request => {
    return recordOf(addForwardedFields(listOf(request.headers as FieldRecord), request))
  })
  const answer = await app.inject({ url: '/', headers: { host: 'gw.test', ...headers }, remoteAddress: peer })
  const fields = Object.entries(answer.json<Record<string, unknown>>())
  return Object.fromEntries(fields.filter(([name]) => /forwarded|real/i.test(name)))
}

const PLAIN = {
  'x-forwarded-for': '192.0.2.7',
  'x-forwarded-host': 'gw.test',
  'x-forwarded-proto': 'http',
  forwarded: 'for=192.0.2.7;host=gw.test;proto=http'
}

t.test('a plain request: the upstream is told client address, host and scheme', async t => {
  t.same(await told({}), PLAIN)
})

t.test('forwarded fields of an untrusted client, in any spelling: they are dropped (S24)', async t => {
  const lies = {
    'x-forwarded-for': '10.0.0.1',
    'X-Forwarded-Host': 'evil.test',
    'x-FORWARDED-proto': 'https',
    'x-forwarded-port': '1',
    'x-forwarded-prefix': '/x',
    X_Forwarded_For: '10.0.0.2',
    'x-forwarded_host': 'evil.test',
    Forwarded: 'for=10.0.0.3'
  }
  t.same(await told(lies), PLAIN)
  t.same(await told(lies, { trustProxy: '192.0.2.9' }), PLAIN, 'trustProxy trusts somebody else')
})

t.test('forwarded fields of a peer that trustProxy trusts: they are appended to', async t => {
  const chain = { 'x-forwarded-for': '198.51.100.1', 'x-forwarded-host': 'site.test', 'x-forwarded-proto': 'https', x_forwarded_for: '10.0.0.2', forwarded: 'for=198.51.100.1' }
  t.same(await told(chain, { trustProxy: '192.0.2.7' }), {
    'x-forwarded-for': '198.51.100.1, 192.0.2.7',
    'x-forwarded-host': 'site.test',
    'x-forwarded-proto': 'https',
    forwarded: 'for=198.51.100.1, for=192.0.2.7;host=gw.test;proto=http'
  })
})

t.test('a trusted peer that tells the scheme alone: the scheme is believed', async t => {
  t.same(await told({ 'x-forwarded-proto': 'https' }, { trustProxy: true }), { ...PLAIN, 'x-forwarded-proto': 'https' })
})

t.test('a peer with an IPv6 address: it is told as IPv6, or as IPv4 if it is a mapped one', async t => {
  t.match(await told({}, {}, '2001:db8::1'), { 'x-forwarded-for': '2001:db8::1', forwarded: 'for="[2001:db8::1]";host=gw.test;proto=http' })
  t.match(await told({}, {}, '::ffff:192.0.2.7'), PLAIN)
})

t.test('no peer address and no host: the address is unknown, and the host is left out', async t => {
  const fields = addForwardedFields([], { raw: { socket: { encrypted: true }, headers: {} }, host: '', protocol: 'https' } as never)
  t.same({ ...recordOf(fields) }, { 'x-forwarded-proto': 'https', forwarded: 'for=unknown;proto=https' })
})

t.test('a request over HTTP/2: its host is that of :authority', async t => {
  const fields = addForwardedFields([], { raw: { socket: { remoteAddress: '192.0.2.7' }, headers: { ':authority': 'gw.test' } }, host: 'gw.test', protocol: 'http' } as never)
  t.same({ ...recordOf(fields) }, PLAIN)
})
