// The examples of rules in examples/policies/.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { PolicyRequest } from '../../lib/index.js'
import { policyFile } from '../../lib/index.js'

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
