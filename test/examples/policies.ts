// The examples of rules in examples/policies/, what they say and what they do, and the program that serves them.
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { PolicyRequest } from '../../lib/index.js'
import { BasicStrategy, BearerStrategy, policyFile, verifyStatic } from '../../lib/index.js'
import { connectHead } from '../fixtures/connect-head.js'
import { startExample } from '../fixtures/example.js'
import { fakeParent } from '../fixtures/fake-parent.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { ownProgram } from '../fixtures/own-program.js'
import { curl, paste } from '../fixtures/paste.js'
import { RawClient } from '../fixtures/raw-client.js'
import { runProgram } from '../fixtures/run-program.js'
import { until } from '../fixtures/until.js'

const FOLDER = 'examples/policies'
const MONDAY_NOON = Date.parse('2026-10-19T10:00:00Z')

type Row = readonly [request: Partial<PolicyRequest>, allowed: boolean | null, rule: string | null, now?: number]

/** What the rules of each file say. */
const EXPECTED: Readonly<Record<string, readonly Row[]>> = {
  'build-farm.yaml': [
    [{ groups: ['ci'], host: 'pypi.org' }, null, null],
    [{ groups: ['ci'], host: 'pypi.org', address: '192.0.2.1' }, true, 'registries'],
    [{ groups: ['ci'], host: 'pypi.org', address: '10.0.0.1' }, false, 'never inside'],
    [{ groups: ['ci'], host: 'objects.githubusercontent.com', address: '192.0.2.1' }, true, 'sources'],
    [{ groups: ['ci'], host: 'pypi.org', port: 22, address: '192.0.2.1' }, false, null],
    [{ groups: ['dev'], host: 'pypi.org' }, false, null],
    [{ groups: ['ci'], host: 'repo1.maven.org', address: '192.0.2.1' }, true, 'trial'],
    [{ groups: ['ci'], host: 'wiki.corp.example' }, false, 'never inside']
  ],
  'ai-agents.yaml': [
    [{ user: 'writer', host: 'example.org', address: '192.0.2.1' }, true, 'writer'],
    [{ user: 'writer', host: 'pypi.org' }, false, null],
    [{ user: 'tester', host: 'pypi.org', address: '192.0.2.1' }, true, 'tester'],
    [{ user: 'tester', host: 'pypi.org', address: '169.254.169.254' }, false, 'no metadata services'],
    [{ user: 'reader', form: 'http', method: 'GET', host: 'docs.example.com', path: '/public/x', address: '192.0.2.1' }, true, 'reader'],
    [{ user: 'reader', form: 'http', method: 'GET', host: 'docs.example.com', path: '/public/../x', address: '192.0.2.1' }, false, null],
    [{ user: 'reader', form: 'http', method: 'POST', host: 'docs.example.com', path: '/public/x' }, false, null],
    [{ user: 'reader', host: 'docs.example.com' }, false, null]
  ],
  'office.yaml': [
    [{ host: 'a.example.org' }, true, null],
    [{ host: 'www.casino.example' }, false, 'blocked'],
    [{ host: 'www.video.example' }, false, 'film and games at work'],
    [{ host: 'www.video.example' }, true, null, MONDAY_NOON + 6 * 3_600_000],
    [{ host: 'www.video.example' }, true, null, MONDAY_NOON - 24 * 3_600_000],
    [{ host: 'a.example.org', port: 22 }, false, 'ports'],
    [{ groups: ['night'], host: 'a.factory.example', port: 8443 }, true, 'the night shift', MONDAY_NOON + 15 * 3_600_000],
    [{ groups: ['night'], host: 'a.factory.example', port: 8443 }, false, 'ports'],
    [{ host: 'www.office.example', client: '192.168.40.7' }, false, 'guests'],
    [{ host: 'www.office.example', client: '192.168.41.7' }, true, null]
  ],
  'partner-api.yaml': [
    [{ form: 'reverse', route: '/orders', groups: ['partners'], method: 'GET', path: '/v1/orders' }, true, 'partners read'],
    [{ form: 'reverse', route: '/orders', groups: ['partners'], method: 'POST', path: '/v2/orders', scheme: 'Bearer' }, true, 'partners order'],
    [{ form: 'reverse', route: '/orders', groups: ['partners'], method: 'POST', path: '/v2/orders', scheme: 'Basic' }, false, null],
    [{ form: 'reverse', route: '/catalogue', groups: ['partners'], method: 'POST', path: '/v2/orders', scheme: 'Bearer' }, false, null],
    [{ form: 'reverse', route: '/orders', groups: ['partners'], method: 'GET', path: '/v1/%2e%2e/admin' }, false, 'no administration'],
    [{ form: 'reverse', route: '/orders', groups: ['operators'], client: '10.20.1.1', method: 'DELETE', path: '/v2/orders/7' }, true, 'operators'],
    [{ form: 'reverse', route: '/orders', groups: ['operators'], client: '10.21.1.1', method: 'DELETE', path: '/v2/orders/7' }, false, null],
    [{ groups: ['operators'], client: '10.20.1.1', host: 'example.org' }, false, null]
  ]
}

for (const name of readdirSync(FOLDER)) {
  t.test(`${name}: it decides as its comments say, and has no warnings`, async t => {
    let now = MONDAY_NOON
    const policy = policyFile(join(FOLDER, name), { clock: () => now })
    t.teardown(() => policy.close())
    t.same(policy.warnings, [])
    t.ok(EXPECTED[name], 'there are rows for it')
    for (const [request, allowed, rule, at = MONDAY_NOON] of EXPECTED[name] ?? []) {
      now = at
      const decision = policy.decide({ form: 'connect', user: 'alice', client: '192.0.2.99', ...request })
      t.match(decision, { allowed, rule }, JSON.stringify(request))
    }
  })
}

/** Users and their groups; the password of each is its name. */
const GROUPS: Readonly<Record<string, string[]>> = {
  ci: ['ci'], dev: ['dev'], writer: [], tester: [], reader: [], alice: [], owl: ['night'], acme: ['partners'], operator: ['operators']
}
const INSIDE = 'deb.debian.org'

interface Sent {
  readonly as: string
  /** `CONNECT host:port`, or a method and a URL or path. */
  readonly line: string
  readonly from?: string
  readonly bearer?: true
  readonly now?: number
}

/** What each document does: the status, and the reason of a refusal. */
const SERVED: Readonly<Record<string, ReadonlyArray<readonly [sent: Sent, status: number, reason?: string]>>> = {
  'build-farm.yaml': [
    [{ as: 'ci', line: 'CONNECT pypi.org:443' }, 200],
    [{ as: 'ci', line: 'GET http://registry.npmjs.org/x' }, 200],
    [{ as: 'ci', line: 'CONNECT repo1.maven.org:443' }, 200],
    [{ as: 'ci', line: 'CONNECT wiki.corp.example:443' }, 403, 'Internal systems are not for builds'],
    [{ as: 'ci', line: `CONNECT ${INSIDE}:443` }, 403, 'Internal systems are not for builds'],
    [{ as: 'ci', line: 'CONNECT example.org:443' }, 403, 'no rule allows it'],
    [{ as: 'dev', line: 'CONNECT pypi.org:443' }, 403, 'no rule allows it']
  ],
  'ai-agents.yaml': [
    [{ as: 'writer', line: 'CONNECT en.wikipedia.org:443' }, 200],
    [{ as: 'writer', line: 'CONNECT pypi.org:443' }, 403, 'no rule allows it'],
    [{ as: 'tester', line: 'CONNECT pypi.org:443' }, 200],
    [{ as: 'tester', line: 'CONNECT metadata.google.internal:80' }, 403, 'Metadata services are closed'],
    [{ as: 'tester', line: 'GET http://169.254.169.254/latest' }, 403, 'Metadata services are closed'],
    [{ as: 'reader', line: 'GET http://docs.example.com/public/x' }, 200],
    [{ as: 'reader', line: 'POST http://docs.example.com/public/x' }, 403, 'no rule allows it'],
    [{ as: 'reader', line: 'GET http://docs.example.com/public/../x' }, 403, 'no rule allows it'],
    [{ as: 'reader', line: 'CONNECT docs.example.com:443' }, 403, 'no rule allows it']
  ],
  'office.yaml': [
    [{ as: 'alice', line: 'CONNECT a.example.org:443' }, 200],
    [{ as: 'alice', line: 'CONNECT www.casino.example:443' }, 403, 'Blocked by the office'],
    [{ as: 'alice', line: 'GET http://www.video.example/' }, 403, 'Not in working hours'],
    [{ as: 'alice', line: 'GET http://www.video.example/', now: MONDAY_NOON + 6 * 3_600_000 }, 200],
    [{ as: 'alice', line: 'CONNECT a.example.org:22' }, 403, 'Only ports 80 and 443'],
    [{ as: 'owl', line: 'CONNECT a.factory.example:8443', now: MONDAY_NOON + 15 * 3_600_000 }, 200],
    [{ as: 'owl', line: 'CONNECT a.factory.example:8443' }, 403, 'Only ports 80 and 443'],
    [{ as: 'alice', line: 'CONNECT www.office.example:443', from: '192.168.40.7' }, 403, 'Not from the network of guests'],
    [{ as: 'alice', line: 'CONNECT www.office.example:443', from: '192.168.41.7' }, 200]
  ],
  'partner-api.yaml': [
    [{ as: 'acme', line: 'GET /orders/v1/orders' }, 200],
    [{ as: 'acme', line: 'POST /orders/v2/orders', bearer: true }, 200],
    [{ as: 'acme', line: 'POST /orders/v2/orders' }, 403, 'no rule allows it'],
    [{ as: 'acme', line: 'POST /catalogue/v2/orders', bearer: true }, 403, 'no rule allows it'],
    [{ as: 'acme', line: 'GET /orders/admin' }, 403, 'Not for partners'],
    [{ as: 'operator', line: 'DELETE /orders/v2/orders/7', from: '10.20.1.1' }, 200],
    [{ as: 'operator', line: 'DELETE /orders/v2/orders/7', from: '10.21.1.1' }, 403, 'no rule allows it'],
    [{ as: 'alice', line: 'GET /orders/v1/orders' }, 403, 'no rule allows it']
  ]
}

for (const name of readdirSync(FOLDER)) {
  t.test(`${name}: a gateway by it lets through what it allows, and refuses all else with its reasons`, async t => {
    let now = MONDAY_NOON
    const policy = policyFile(join(FOLDER, name), { clock: () => now })
    t.teardown(() => policy.close())
    // What is behind the gateway: a parent for all that is outside, at addresses that are looked up here, and a service.
    const outside = await fakeParent(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const service = await origin(t)
    const lookup = ((host: string, _options: object, done: (error: null, addresses: object[]) => void) => {
      done(null, [{ address: host === INSIDE ? '10.0.0.1' : '93.184.216.34', family: 4 }])
    }) as unknown as LookupFunction
    const { port } = await gateway(t, {
      fastify: { trustProxy: true },
      strategies: [
        new BasicStrategy({ verify: verifyStatic(Object.fromEntries(Object.entries(GROUPS).map(([user, groups]) => [user, { password: user, groups }]))) }),
        new BearerStrategy({ verify: token => ({ username: token, groups: GROUPS[token]! }) })
      ],
      forward: { lookup, parents: [{ url: `http://127.0.0.1:${outside.port}`, resolve: 'local' }] },
      reverse: ['/orders', '/catalogue'].map(prefix => ({ prefix, upstream: service.url })),
      policy
    })
    for (const [{ as, line, from, bearer, now: at = MONDAY_NOON }, status, reason] of SERVED[name] ?? []) {
      now = at
      const [method, target] = line.split(' ') as [string, string]
      const credentials = bearer === undefined ? `Basic ${Buffer.from(`${as}:${as}`).toString('base64')}` : `Bearer ${as}`
      const fields = [`Proxy-Authorization: ${credentials}`, ...(from === undefined ? [] : [`X-Forwarded-For: ${from}`])]
      const reached = outside.heads.length + service.seen.length
      const head = method === 'CONNECT' ? connectHead(target, ...fields) : [`${line} HTTP/1.1`, 'Host: gateway.test', ...fields, 'Content-Length: 0', '', ''].join('\r\n')
      const client = await RawClient.to(t, port)
      const answer = await client.send(head).answer()
      client.socket.destroy()
      t.equal(Number(answer.split(' ')[1]), status, `${as}: ${line}`)
      if (reason !== undefined) t.ok(answer.includes(reason), `${as}: ${line}: ${reason}`)
      t.equal(outside.heads.length + service.seen.length - reached, status === 200 ? 1 : 0, 'it got where it may, and nowhere else')
    }
    t.ok(SERVED[name]?.some(([, status]) => status === 200) && SERVED[name].some(([, status]) => status === 403), 'both are tried')
  })
}

t.test('policy.mjs: serves by the rules of a file, and by its changes', { skip: curl.skip }, async t => {
  const service = await origin(t)
  const folder = t.testdir()
  const path = join(folder, 'policy.yaml')
  copyFileSync(join(FOLDER, 'office.yaml'), path)
  const { lines: [blocked, orders] } = await startExample(t, 'policy', { env: { POLICY: path, UPSTREAM: service.url } })
  const refused = await paste(t, blocked!)
  t.equal(refused.status, '403')
  t.match(refused.body, /^HTTP\/1\.1 403 Blocked by the office/)
  t.same(await paste(t, orders!), { status: '200', body: 'origin' })
  copyFileSync(join(FOLDER, 'partner-api.yaml'), path)
  await until(async () => (await paste(t, orders!.replaceAll('acme', 'alice'))).status === '403')
  t.same(await paste(t, orders!), { status: '200', body: 'origin' })
  t.equal((await paste(t, orders!.replace('/v1', '/admin/v1'))).status, '403')
  writeFileSync(path, 'rules: canary')
  t.equal((await paste(t, orders!)).status, '200', 'a broken file changes nothing')
})

t.test('policy.mjs with a user and a target: says why that is refused, and ends', async t => {
  const { execArgv, file } = ownProgram(new URL('../../examples/policy.mjs', import.meta.url))
  const tsconfig = resolve('tsconfig.json')
  const why = async (name: string, user: string, target: string) =>
    (await runProgram(t, process.execPath, [...execArgv, file, resolve(FOLDER, name), user, target], { TSX_TSCONFIG_PATH: tsconfig })).stdout
  t.equal(await why('office.yaml', 'alice', 'www.casino.example:443'), 'www.casino.example:443 is denied by rule "blocked": Blocked by the office\n')
  t.equal(await why('build-farm.yaml', 'alice', 'pypi.org:443'), 'pypi.org:443 is denied: no rule allows it\n')
})
