import dns from 'node:dns'
import t from 'tap'
import { readForwardPolicy, type ForwardPolicyOptions } from '../../../lib/policy/target/access-options.js'

t.test('no options: the defaults apply', async t => {
  const policy = readForwardPolicy({})
  t.equal(policy.allow, null, 'every public target')
  t.equal(policy.deny.matchName('example.org', 443), null)
  t.equal(policy.special.matchName('localhost', 443), null)
  t.equal(policy.lookup, dns.lookup)
  t.match(policy, { check: null, checkTimeout: 5000, dnsTimeout: 5000, family: 0 })
})

t.test('options that are given: they apply in place of the defaults', async t => {
  const lookup = dns.lookup
  const check = () => true
  const policy = readForwardPolicy({
    allow: [], deny: ['a.test'], special: ['b.test'], check, checkTimeout: 1, lookup, dnsTimeout: 2 ** 31 - 1, family: 6
  })
  t.equal(policy.allow?.matchName('example.org', 443), null, 'an empty list is a list')
  t.equal(policy.deny.matchName('a.test', 1), 'host')
  t.equal(policy.special.matchName('b.test', 1), 'host')
  t.equal(policy.lookup, lookup)
  t.equal(policy.check, check)
  t.match(policy, { checkTimeout: 1, dnsTimeout: 2 ** 31 - 1, family: 6 })
})

const bad: Array<[option: string, value: unknown, got: string]> = [
  ['allow', null, 'null'], ['allow', 'example.org', 'string'], ['allow', ['ok.test', 'a b'], 'string'], ['deny', {}, 'object'],
  ['deny', [1], 'number'], ['special', ['https://a.test'], 'string'], ['check', 'yes', 'string'], ['check', null, 'null'],
  ['lookup', {}, 'object'], ['lookup', null, 'null'], ['family', 5, 'number'], ['family', '4', 'string'],
  ['dnsTimeout', 0, 'another number'], ['dnsTimeout', 1.5, 'another number'], ['dnsTimeout', 2 ** 31, 'another number'],
  ['dnsTimeout', '1', 'string'], ['checkTimeout', NaN, 'another number'], ['checkTimeout', -1, 'another number']
]

t.test('a wrong option: the boot fails, and the error names it and the type it got', async t => {
  for (const [option, value, got] of bad) {
    try {
      readForwardPolicy({ [option]: value } as unknown as ForwardPolicyOptions)
      t.fail(option)
    } catch (error) {
      const { code, message } = error as { code: string, message: string }
      t.equal(code, 'FST_PROXY_AUTH_BAD_OPTION', option)
      t.ok(message.includes(`forward.${option}`) && message.includes(`got ${got === 'string' ? '' : got}`), message)
    }
  }
})
