import t from 'tap'
import { readNtlmOptions } from '../../../lib/strategies/ntlm/options.js'
import type { NtlmOptions } from '../../../lib/strategies/ntlm/options.js'

const lookup = () => null
const verifier = { begin () { throw new Error() } }

t.test('options that are left out: have their defaults', async t => {
  t.same(readNtlmOptions({ lookup }), {
    lookup,
    verifier: undefined,
    names: { computer: 'PROXY', domain: 'WORKGROUP', dnsComputer: 'proxy', dnsDomain: '' },
    extendedProtection: true,
    targetNames: undefined
  })
})

t.test('all options given: each is taken, and the settings are frozen', async t => {
  const settings = readNtlmOptions({ verifier, names: { computer: 'GW' }, extendedProtection: false, targetNames: ['Proxy.Test'] })
  t.match(settings, { verifier, names: { computer: 'GW', domain: 'WORKGROUP' }, extendedProtection: false, targetNames: ['proxy.test'] })
  t.ok(Object.isFrozen(settings))
})

for (const [option, options] of [
  ['options', undefined],
  ['options', null],
  ['lookup', {}],
  ['lookup', { lookup, verifier }],
  ['lookup', { lookup: 'alice' }],
  ['verifier', { verifier: {} }],
  ['lookUp', { lookup, lookUp: lookup }],
  ['extendedProtection', { lookup, extendedProtection: 'yes' }],
  ['names.computer', { lookup, names: { computer: 'ä' } }],
  ['names.domain', { lookup, names: { domain: 7 } }],
  ['names.forest', { lookup, names: { forest: 'x' } }],
  ['targetNames', { lookup, targetNames: 'proxy.test' }],
  ['targetNames', { lookup, targetNames: [7] }]
] as const) {
  t.test(`${option} of ${JSON.stringify(options)}`, async t => {
    t.throws(() => readNtlmOptions(options as unknown as NtlmOptions), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`^(option ${option} must be |unknown option "${option}")`) })
  })
}
