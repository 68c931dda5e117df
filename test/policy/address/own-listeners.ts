import { networkInterfaces } from 'node:os'
import t from 'tap'
import { readAddress } from '../../../lib/policy/address/address.js'
import { isOwnListener, type OwnListener } from '../../../lib/policy/address/own-listeners.js'
import { mocked } from '../../fixtures/mocked.js'

const isOwn = (text: string, port: number, ...listeners: OwnListener[]): boolean => isOwnListener(readAddress(text)!, port, listeners)

t.test('a listener on one address: it is found by that address and port only', async t => {
  const listener = { address: '192.0.2.1', port: 8080 }
  t.ok(isOwn('192.0.2.1', 8080, listener))
  t.notOk(isOwn('192.0.2.1', 8081, listener))
  t.notOk(isOwn('192.0.2.2', 8080, listener))
  t.notOk(isOwn('127.0.0.1', 8080, listener))
  t.notOk(isOwn('192.0.2.1', 8080))
})

t.test('another spelling of the address of a listener: it is the same listener (S40, CVE-2025-23217)', async t => {
  const listener = { address: '192.0.2.1', port: 8080 }
  for (const text of ['::ffff:192.0.2.1', '64:ff9b::192.0.2.1', '2002:c000:201::1', '::192.0.2.1']) t.ok(isOwn(text, 8080, listener), text)
  t.ok(isOwn('192.0.2.1', 8080, { address: '::ffff:192.0.2.1', port: 8080 }))
  t.ok(isOwn('fe80::1', 8080, { address: 'fe80::1%eth0', port: 8080 }))
  t.notOk(isOwn('::1', 8080, { address: '0.0.0.1', port: 8080 }), 'the same bits, another family')
})

t.test('0.0.0.0 and :: as a target reach whatever listens on that port', async t => {
  t.ok(isOwn('0.0.0.0', 8080, { address: '127.0.0.1', port: 8080 }))
  t.ok(isOwn('::', 8080, { address: '127.0.0.1', port: 8080 }))
  t.notOk(isOwn('0.0.0.0', 8081, { address: '127.0.0.1', port: 8080 }))
})

t.test('a listener on 0.0.0.0 or :: has every address of this machine', async t => {
  const local = Object.values(networkInterfaces()).flatMap(entries => entries ?? []).map(({ address }) => address.replace(/%.*/, ''))
  for (const wildcard of ['0.0.0.0', '::']) {
    const listener = { address: wildcard, port: 8080 }
    for (const text of ['127.0.0.1', '127.1.2.3', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1', ...local]) t.ok(isOwn(text, 8080, listener), text)
    t.notOk(isOwn('192.0.2.1', 8080, listener))
    t.notOk(isOwn('2001:db8::1', 8080, listener))
    t.notOk(isOwn('127.0.0.1', 8081, listener))
  }
})

t.test('an interface without entries: the addresses of the others are found all the same', async t => {
  const { isOwnListener } = await mocked<typeof import('../../../lib/policy/address/own-listeners.js')>(t, 'lib/policy/address/own-listeners.js', {
    'node:os': { networkInterfaces: () => ({ down: undefined, eth0: [{ address: 'unreadable' }, { address: '198.51.100.7' }, { address: 'fe80::7%2' }] }) }
  })
  const wildcard = [{ address: '::', port: 8080 }]
  t.ok(isOwnListener(readAddress('198.51.100.7')!, 8080, wildcard))
  t.ok(isOwnListener(readAddress('fe80::7')!, 8080, wildcard))
  t.notOk(isOwnListener(readAddress('198.51.100.8')!, 8080, wildcard))
  for (const text of ['::1', '127.0.0.1']) t.ok(isOwnListener(readAddress(text)!, 8080, wildcard), `${text}, whether an interface says so or not`)
})

t.test('one of several listeners, beside a socket in the file system: it is found', async t => {
  const listeners = [{ address: '/run/gateway.sock', port: 8080 }, { address: '192.0.2.9', port: 1 }, { address: '192.0.2.1', port: 8080 }]
  t.ok(isOwn('192.0.2.1', 8080, ...listeners))
  t.notOk(isOwn('192.0.2.9', 8080, ...listeners))
})
