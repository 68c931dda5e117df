import { createContext, runInContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { autoConfiguration } from '../../../lib/policy/target/auto-configuration.js'
import type { AutoConfigurationLists } from '../../../lib/policy/target/auto-configuration.js'
import { PatternList } from '../../../lib/policy/target/pattern-list.js'
import { specialBlock } from '../../../lib/policy/address/special-addresses.js'

const PROXY = 'PROXY gw.test:8080'

/** What a browser makes of a script. */
function browser (lists: AutoConfigurationLists, proxy = PROXY): (host: string) => string {
  const context = createContext(Object.create(null))
  runInContext(autoConfiguration(lists)(proxy), context)
  return host => {
    Object.assign(context, { host })
    return runInContext('FindProxyForURL("http://" + host + "/", host)', context) as string
  }
}

const rows: Array<[string, AutoConfigurationLists, through: string[], directly: string[]]> = [
  ['every public target', {}, [
    'example.org', 'EXAMPLE.org.', '9.9.9.9', '2600::1', '[2600::1]', '64:ff9b::909:909', 'toString', '1.2.3', '1.2.3.256', '1.2.3.04', 'localhost.example.org'
  ].filter(host => host !== 'toString'), [
    'build', 'localhost', 'LOCALHOST.', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]', '::ffff:127.0.0.1', '::ffff:7f00:1', '10.1.2.3', '172.31.0.1',
    '192.168.1.1', '169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255', '0.0.0.0', 'fe80::1', 'fd00::1', '4000::1', '2001:db8::1', '::',
    '64:ff9b::a00:1', '64:ff9b:1::1', '2002:909:909::1', 'toString', '__proto__', 'zz::1'
  ]],
  ['what special holds', { special: ['build', '*.corp', '10.1.0.0/16:*', 'fd00::/8'] }, ['build', 'a.corp', '10.1.2.3', 'fd00::1', '::ffff:10.1.2.3'],
    ['builds', 'corp', '10.2.0.1', 'fc00::1']],
  ['what allow holds', { allow: ['example.org:8443', '*.example.net', '9.9.9.0/24', '__proto__.test', '*.constructor'] },
    ['example.org', 'a.b.example.net', '9.9.9.9', '__proto__.test', 'a.constructor'],
    ['www.example.org', 'example.net', '9.9.8.9', 'notexample.net', 'hasOwnProperty.test', 'constructor', '10.0.0.1']],
  ['everything', { allow: ['*'], special: ['*:*'] }, ['build', '10.0.0.1', 'fd00::1', 'example.org'], ['localhost', '127.0.0.1', '::1']],
  ['nothing', { allow: [] }, [], ['example.org', '9.9.9.9']]
]

for (const [name, lists, through, directly] of rows) {
  t.test(name, async t => {
    const find = browser(lists)
    for (const host of through) t.equal(find(host), PROXY, host)
    for (const host of directly) t.equal(find(host), 'DIRECT', host)
  })
}

t.test('a list with an element that is no pattern: it is refused as a bad option', async t => {
  t.throws(() => autoConfiguration({ allow: ['*.*.test'] }), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('any lists and any host: the script finds what the policy finds', async () => {
  const label = fc.constantFrom('a', 'b', 'corp', 'example', 'org', '__proto__', 'constructor', 'localhost')
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
  const v4 = fc.oneof(fc.ipV4(), fc.constantFrom('10.', '127.', '192.168.', '169.254.', '192.0.').chain(start => fc.ipV4().map(address => start + address.split('.').slice(start.split('.').length - 1).join('.'))))
  const v6 = fc.oneof(fc.ipV6(), fc.constantFrom('64:ff9b::', '::ffff:0:', '::', '2001:db8::', '2600::', 'fe80::', '64:ff9b:1::').chain(start => fc.nat({ max: 0xffff }).map(word => start + word.toString(16))))
  const host = fc.oneof(name, v4, v6)
  const pattern = fc.oneof(name, name.map(name => `*.${name}`), v4, fc.constantFrom('10.0.0.0/8', '0.0.0.0/0', '::/0', 'fe80::/10', '*'))
    .chain(host => fc.constantFrom('', ':8443', ':*').map(port => host.includes('::') ? host : host + port))
  const patterns = fc.array(pattern, { maxLength: 6 })
  fc.assert(fc.property(fc.option(patterns, { nil: undefined }), patterns, host, (allow, special, host) => {
    const address = readAddress(host)
    const holds = (list: readonly string[]) => [443, 8443].some(port => {
      const compiled = PatternList.from(list, 'list')
      return (address === null ? compiled.matchName(host, port) : compiled.matchAddress(address, port)) !== null
    })
    const loopback = address === null ? /(?:^|\.)localhost$/.test(host) : specialBlock(address) === 'loopback' && !address.text.startsWith('64:')
    const isInside = address === null ? !host.includes('.') : specialBlock(address) !== null
    const direct = loopback || (isInside && !holds(special)) || (allow !== undefined && !holds(allow))
    return browser({ special, ...(allow !== undefined && { allow }) })(host) === (direct ? 'DIRECT' : PROXY)
  }), { numRuns: 1000 })
})

t.test('any string as the name of the proxy: the script stays valid and returns it', async () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.constantFrom('"; evil(); "', '\\', '$&', "$'", '\u2028', 'LISTS')), proxy => {
    return browser({}, proxy)('example.org') === proxy
  }))
})
