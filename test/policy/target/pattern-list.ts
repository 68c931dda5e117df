import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { PatternList, stronger } from '../../../lib/policy/target/pattern-list.js'

const list = (...patterns: string[]): PatternList => PatternList.from(patterns, 'forward.allow')
const address = (text: string) => readAddress(text)!

t.test('a name on the list, with its port or without: it is matched by port or by host (R-CONNECT-8)', async t => {
  const names = list('example.org', 'example.org:8443', 'other.example:22', 'any.example:*')
  t.equal(names.matchName('example.org', 443), 'host')
  t.equal(names.matchName('example.org', 8443), 'port')
  t.equal(names.matchName('www.example.org', 443), null)
  t.equal(names.matchName('other.example', 443), null, 'another port is no match')
  t.equal(names.matchName('other.example', 22), 'port')
  t.equal(names.matchName('any.example', 1), 'port')
})

t.test('a wildcard: it matches whole labels at the left, at any depth, and not the apex', async t => {
  const names = list('*.example.org', '*.www.example.org:8443')
  t.equal(names.matchName('www.example.org', 443), 'host')
  t.equal(names.matchName('a.b.example.org', 443), 'host')
  t.equal(names.matchName('example.org', 443), null)
  t.equal(names.matchName('wwwexample.org', 443), null)
  t.equal(names.matchName('www.example.org.evil.example', 443), null)
  t.equal(names.matchName('a.www.example.org', 8443), 'port', 'the longer wildcard')
  t.equal(names.matchName('www.example.org', 8443), 'host')
})

t.test('a port that is named only by a wider pattern than the closest match: it is found', async t => {
  t.equal(list('*.b.example', '*.example:8443').matchName('a.b.example', 8443), 'port')
  t.equal(list('a.example', '*:8443').matchName('a.example', 8443), 'port')
})

t.test('* as a pattern: it matches names and addresses', async t => {
  const all = list('*')
  t.equal(all.matchName('example.org', 25), 'host')
  t.equal(all.matchAddress(address('::1'), 25), 'host')
  t.notOk(all.hasAddresses)
  t.notOk(list('*:25').namesAddressPort(25))
})

t.test('addresses and blocks on the list: the addresses in them are matched, by port or by host', async t => {
  const blocks = list('10.0.0.0/8', '10.1.0.0/16:5432', '[2001:db8::/32]:443', '192.0.2.1:*')
  t.equal(blocks.matchAddress(address('10.2.0.1'), 5432), 'host')
  t.equal(blocks.matchAddress(address('10.1.0.1'), 5432), 'port')
  t.equal(blocks.matchAddress(address('11.0.0.1'), 5432), null)
  t.equal(blocks.matchAddress(address('2001:db8::1'), 443), 'port')
  t.equal(blocks.matchAddress(address('2001:db8::1'), 80), null)
  t.equal(blocks.matchAddress(address('::ffff:192.0.2.1'), 1), 'port', 'a mapped address is the IPv4 address')
  t.equal(blocks.matchName('10.1.0.1', 5432), null, 'text is no address')
  t.ok(blocks.hasAddresses)
  t.ok(blocks.namesAddressPort(1), '192.0.2.1:* names every port')
  const named = list('10.0.0.0/8:5432', 'example.org:22')
  t.ok(named.namesAddressPort(5432))
  t.notOk(named.namesAddressPort(22))
  t.notOk(list('10.0.0.0/8').namesAddressPort(443))
  t.equal(list('10.0.0.0/8').matchSomeAddress(443), 'host')
  t.equal(named.matchSomeAddress(5432), 'port')
  t.equal(named.matchSomeAddress(22), null)
})

t.test('an empty list: it matches nothing', async t => {
  t.equal(list().matchName('example.org', 443), null)
  t.equal(list().matchAddress(address('9.9.9.9'), 443), null)
  t.notOk(list().hasAddresses)
})

t.test('two results of a match: the stronger one counts', async t => {
  t.equal(stronger(null, null), null)
  t.equal(stronger('host', null), 'host')
  t.equal(stronger(null, 'host'), 'host')
  t.equal(stronger('host', 'port'), 'port')
  t.equal(stronger('port', 'host'), 'port')
})

t.test('a list of very many names: a look-up takes not much longer than in a short one', async t => {
  // Of the processor: what passes by the clock is longer while others have it.
  const timeOf = (size: number): number => {
    const names = list(...Array.from({ length: size }, (_, index) => `host-${index}.example`))
    const start = process.cpuUsage()
    for (let index = 0; index < 20_000; index++) names.matchName(`host-${index % 100}.example`, 443)
    return process.cpuUsage(start).user
  }
  timeOf(10) // warms up
  const [few, many] = [timeOf(10), timeOf(10_000)]
  t.ok(many < few * 50, 'a scan would take a thousand times as long')
})

t.test('a wrong list or a wrong element of it: the error names it', async t => {
  t.throws(() => list('example.org', 'a b'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'forward.allow[1]' })
  for (const value of [null, 'example.org', {}, 1]) {
    t.throws(() => PatternList.from(value, 'forward.deny'), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'forward.deny' })
  }
  t.throws(() => PatternList.from(null, 'forward.deny'), { message: 'got null' })
})
