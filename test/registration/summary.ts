import t from 'tap'
import type { Test } from 'tap'
import { basic, gateway } from '../fixtures/gateway.js'
import type { GatewayOptions } from '../fixtures/gateway.js'
import { foreign } from '../fixtures/foreign-strategies.js'

t.test('the start: one line, at info, says what is served (F-36)', async t => {
  const summary = async (t: Test, options: GatewayOptions) => (await gateway(t, options)).log.filter(({ msg }) => msg === 'proxy authentication').map(line => [line['level'], line['proxyAuth']])
  const reverse = [{ prefix: '/api', upstream: 'http://canary:secret@127.0.0.1:1' }, { upstream: 'http://127.0.0.1:1' }]
  const strategies = [basic(), { strategy: foreign('certificate', () => {}), scheme: null }]
  t.same(await summary(t, { strategies, reverse, forward: { allow: ['a.test', 'b.test'], deny: ['c.test'] } }), [[30, {
    realm: 'Gateway', schemes: ['Basic', 'certificate'], forms: ['absolute-form', 'CONNECT', 'reverse /api', 'reverse /', 'routes with the hook'], destinations: '2 allowed, 1 denied, 0 special'
  }]])
  t.same(await summary(t, { forward: true }), [[30, {
    realm: 'Gateway', schemes: ['Basic'], forms: ['absolute-form', 'CONNECT', 'routes with the hook'], destinations: 'every public address, 0 denied, 0 special'
  }]])
  t.match(await summary(t, { forward: { parents: [{ url: 'http://canary:secret@a.test:3128' }, 'direct', { url: 'socks5://b.test', name: 'bastion' }] } }), [[30, {
    destinations: 'every public address, 0 denied, 0 special', parents: ['a.test:3128', 'bastion']
  }]])
  t.same(await summary(t, { forward: undefined as never }), [[30, { realm: 'Gateway', schemes: ['Basic'], forms: ['routes with the hook'] }]])
})
