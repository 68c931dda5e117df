import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import type { Eventual } from '../../../lib/eventual.js'
import { Permit } from '../../../lib/policy/permission/permit.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import { createAccess, type Address, type ForwardPolicyOptions, type OwnListener, type TargetScheme } from '../../../lib/policy/target/access.js'
import type { PolicyDocument, PolicyRequest, ProxyIdentity } from '../../../lib/index.js'
import { isSpecial } from '../../fixtures/is-special.js'
import rows from '../../vectors/destinations.json' with { type: 'json' }

/** A resolver that knows `names`, and what it was asked. */
function resolver (names: Record<string, string[]>): { lookup: LookupFunction, asked: string[] } {
  const asked: string[] = []
  const lookup: LookupFunction = (name, _options, callback) => {
    asked.push(name)
    const addresses: LookupAddress[] = (names[name] ?? []).map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
    setImmediate(callback, null, addresses)
  }
  return { lookup, asked }
}

const NAMES = {
  'public.test': ['9.9.9.9', '2620:fe::9'],
  'private.test': ['10.1.2.3'],
  'mixed.test': ['127.0.0.1', '9.9.9.9', '10.0.0.1', '::1', '149.112.112.112'],
  'loopback.test': ['127.0.0.1'],
  'one.test': ['9.9.9.9'],
  'none.test': []
}

async function reach (
  options: ForwardPolicyOptions, host: string, port = 443, own: OwnListener[] = [], scheme: TargetScheme = 'connect'
): Promise<Address[]> {
  const access = createAccess({ lookup: resolver(NAMES).lookup, ...options }, () => own)
  return await access.approve({ host, port, scheme }, undefined)
}

const IP = { code: 'FST_PROXY_AUTH_TARGET_DENIED', statusCode: 403, proxyStatus: 'destination_ip_prohibited' }
const REQUEST = { ...IP, proxyStatus: 'http_request_denied' }
const PORT = { ...REQUEST, reason: 'port' }
const SPECIAL = { ...IP, reason: 'special-purpose address' }
const NOT_ALLOWED = { code: IP.code, reason: 'not on the allow list' }
const DENIED = { code: IP.code, reason: 'on the deny list' }
const OWN = { ...IP, reason: 'own listener' }
const texts = (addresses: Address[]): string[] => addresses.map(({ address }) => address)

t.test('the destinations of the vectors, by CONNECT and in absolute-form: each is reached or refused as stated (R-CONNECT-8, R-CONNECT-9, R-TGT-13)', async t => {
  for (const { id, host, port, resolves, refused } of rows) {
    for (const scheme of ['connect', 'http', 'https'] as const) {
      const { lookup } = resolver({ [host]: resolves })
      const reached = reach({ lookup }, host, port, [], scheme)
      if (refused === null) t.strictSame(texts(await reached), resolves, id)
      else await t.rejects(reached, { ...IP, proxyStatus: refused }, `${id} ${scheme}`)
    }
  }
})

t.test('a port outside 1 to 65535: it is refused, and the limits themselves are accepted', async t => {
  for (const port of [1, 65535]) t.strictSame(texts(await reach({ allow: ['*:*'] }, '9.9.9.9', port)), ['9.9.9.9'], String(port))
  for (const port of [0, 65536, 1.5, NaN]) await t.rejects(reach({ allow: ['*:*'] }, '9.9.9.9', port), { code: 'FST_PROXY_AUTH_BAD_TARGET' }, String(port))
})

t.test('no lists: every public target is admitted, on 80 and 443 only (R-CONNECT-8)', async t => {
  t.strictSame(await reach({}, 'public.test', 443), [{ address: '9.9.9.9', family: 4 }, { address: '2620:fe::9', family: 6 }])
  t.strictSame(await reach({}, 'public.test', 80), [{ address: '9.9.9.9', family: 4 }, { address: '2620:fe::9', family: 6 }])
  t.strictSame(await reach({}, '9.9.9.9'), [{ address: '9.9.9.9', family: 4 }])
  t.strictSame(await reach({}, '[2620:FE:0::9]'), [{ address: '2620:fe::9', family: 6 }])
  for (const port of [22, 25, 6379, 8080, 8443]) {
    await t.rejects(reach({}, 'public.test', port), PORT)
    await t.rejects(reach({}, '9.9.9.9', port), PORT)
  }
})

t.test('a port that nothing opens: it is refused before anything is resolved (R-CONNECT-8)', async t => {
  const { lookup, asked } = resolver(NAMES)
  await t.rejects(reach({ lookup, special: ['10.0.0.0/8'] }, 'public.test', 25), PORT)
  t.strictSame(asked, [])
})

t.test('a host or port that is none: it is refused with 400', async t => {
  const bad = { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }
  for (const host of ['', 'a..b', 'fe80::1%eth0', '[public.test]']) await t.rejects(reach({}, host), bad)
  for (const port of [0, -1, 65536, 1.5, NaN]) await t.rejects(reach({ allow: ['*:*'] }, 'public.test', port), bad)
})

t.test('a host in another spelling: its one canonical spelling is judged, resolved and handed on (R-CONNECT-10, R-SEC-7)', async t => {
  const { lookup, asked } = resolver(NAMES)
  const seen: unknown[] = []
  const access = createAccess({ lookup, allow: ['PUBLIC.test.'], check: target => { seen.push(target); return true } }, () => [])
  const admitted = await access.admit({ host: 'Public.TEST.', port: 443, scheme: 'https' }, undefined)
  t.equal(admitted.host, 'public.test')
  await access.resolve(admitted)
  t.strictSame(asked, ['public.test'])
  t.strictSame(seen, [{ host: 'public.test', port: 443, scheme: 'https' }])
  const literal = await createAccess({}, () => []).admit({ host: '::ffff:9.9.9.9', port: 443, scheme: 'https' }, undefined)
  t.equal(literal.host, '9.9.9.9')
})

t.test('an allow list: only what it holds is admitted', async t => {
  const allow = ['*.test', 'one.test:8443', '9.9.9.9:853', '149.112.112.0/24']
  t.strictSame(texts(await reach({ allow }, 'one.test')), ['9.9.9.9'])
  t.strictSame(texts(await reach({ allow }, 'one.test', 8443)), ['9.9.9.9'])
  await t.rejects(reach({ allow }, 'public.test', 8443), PORT)
  t.strictSame(texts(await reach({ allow }, '9.9.9.9', 853)), ['9.9.9.9'])
  await t.rejects(reach({ allow }, '9.9.9.9', 443), { ...IP, ...NOT_ALLOWED }, 'its pattern names another port')
  await t.rejects(reach({ allow }, '149.112.112.112', 8443), PORT)
  await t.rejects(reach({ allow }, '149.112.113.1'), { ...IP, ...NOT_ALLOWED })
  await t.rejects(reach({ allow: ['other.test'] }, 'public.test'), { ...REQUEST, ...NOT_ALLOWED })
  await t.rejects(reach({ allow: [] }, 'public.test'), { ...REQUEST, ...NOT_ALLOWED })
  await t.rejects(reach({ allow: [] }, '9.9.9.9'), { ...IP, ...NOT_ALLOWED })
  t.strictSame(texts(await reach({ allow: ['*:*'] }, 'one.test', 25)), ['9.9.9.9'])
})

t.test('a name that allow does not hold: it may be admitted by its addresses', async t => {
  const allow = ['9.9.9.0/24', '149.112.112.112:8443']
  t.strictSame(texts(await reach({ allow }, 'one.test')), ['9.9.9.9'])
  t.strictSame(texts(await reach({ allow }, 'mixed.test')), ['9.9.9.9'], 'of several, those on the list')
  t.strictSame(texts(await reach({ allow }, 'mixed.test', 8443)), ['149.112.112.112'], 'a port that an address names')
  await t.rejects(reach({ allow }, 'one.test', 8443), PORT)
  await t.rejects(reach({ allow }, 'one.test', 8444), PORT)
  await t.rejects(reach({ allow }, 'private.test'), { ...IP, ...NOT_ALLOWED })
  t.strictSame(texts(await reach({ allow: ['public.test', '127.0.0.0/8'] }, 'public.test')), ['9.9.9.9', '2620:fe::9'],
    'held by name, its addresses need not be on the list')
})

t.test('an address that is a target again: it is not judged a second time', async t => {
  const access = createAccess({ special: ['127.0.0.1:*'] }, () => [])
  const target = { host: '127.0.0.1', port: 8080, scheme: 'http' } as const
  const first = await access.resolve(await access.admit(target, undefined))
  t.equal(await access.resolve(await access.admit(target, undefined)), first)
  t.strictSame(texts(first), ['127.0.0.1'])
})

t.test('a special-purpose address that allow holds: it is refused all the same (R-CONNECT-9)', async t => {
  await t.rejects(reach({ allow: ['*:*'] }, '127.0.0.1'), SPECIAL)
  await t.rejects(reach({ allow: ['127.0.0.1:*'] }, '127.0.0.1', 8080), SPECIAL)
  await t.rejects(reach({ allow: ['private.test', '10.0.0.0/8'] }, 'private.test'), SPECIAL)
})

t.test('a target that deny holds: it is refused, whatever the other lists hold', async t => {
  await t.rejects(reach({ allow: ['one.test'], deny: ['one.test'] }, 'one.test'), { ...REQUEST, ...DENIED })
  await t.rejects(reach({ deny: ['*.test'] }, 'ONE.test.'), { ...REQUEST, ...DENIED })
  await t.rejects(reach({ special: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.2.3'), { ...IP, ...DENIED })
  await t.rejects(reach({ deny: ['9.9.9.9'] }, 'one.test'), { ...IP, ...DENIED }, 'the address of an allowed name')
  await t.rejects(reach({ deny: ['*'] }, 'one.test'), { ...REQUEST, ...DENIED })
  await t.rejects(reach({ allow: ['*:*'], deny: ['*:25'] }, 'one.test', 25), { ...REQUEST, ...DENIED })
  t.strictSame(texts(await reach({ deny: ['one.test:80', '9.9.9.9:80'] }, 'one.test', 443)), ['9.9.9.9'], 'another port')
  t.strictSame(texts(await reach({ deny: ['9.9.9.0/24'] }, 'public.test')), ['2620:fe::9'], 'the rest of the addresses')
})

t.test('a denied IPv4 address in an IPv6 spelling: it is refused all the same', async t => {
  for (const host of ['9.9.9.9', '0x09090909', '::ffff:9.9.9.9', '64:ff9b::9.9.9.9', '::9.9.9.9', '2002:909:909::1', '64:ff9b:1::9.9.9.9']) {
    await t.rejects(reach({ deny: ['9.9.9.9'], special: ['::/0'] }, host), { ...IP, ...DENIED }, host)
  }
  const { lookup } = resolver({ 'nat64.test': ['64:ff9b::909:909'] })
  await t.rejects(reach({ lookup, deny: ['9.9.9.9'] }, 'nat64.test'), { ...IP, ...DENIED })
  t.strictSame(texts(await reach({ lookup }, 'nat64.test')), ['64:ff9b::909:909'], 'public otherwise')
})

t.test('a special-purpose target that special names: it is admitted, and no other is', async t => {
  t.strictSame(texts(await reach({ special: ['10.0.0.0/8'] }, '10.1.2.3')), ['10.1.2.3'])
  t.strictSame(texts(await reach({ special: ['10.0.0.0/8'] }, 'private.test')), ['10.1.2.3'])
  t.strictSame(texts(await reach({ special: ['private.test'] }, 'private.test')), ['10.1.2.3'])
  t.strictSame(texts(await reach({ special: ['*'] }, '[::1]')), ['::1'])
  await t.rejects(reach({ special: ['private.test'] }, '10.1.2.3'), SPECIAL, 'the name, not its address')
  await t.rejects(reach({ special: ['10.0.0.0/8'] }, 'loopback.test'), SPECIAL)
  await t.rejects(reach({ special: ['10.0.0.1'] }, '64:ff9b::10.0.0.1'), SPECIAL, 'not through a translator')
  t.strictSame(texts(await reach({ special: ['10.0.0.1'] }, '::ffff:10.0.0.1')), ['10.0.0.1'])
  await t.rejects(reach({ allow: ['one.test'], special: ['private.test'] }, 'private.test'), { ...REQUEST, ...NOT_ALLOWED })
})

t.test('a port that special names: it is open for that target, and for no other (R-CONNECT-8, F-45)', async t => {
  t.strictSame(texts(await reach({ special: ['one.test:25'] }, 'one.test', 25)), ['9.9.9.9'], 'a public one as well')
  await t.rejects(reach({ special: ['one.test'] }, 'one.test', 25), PORT, 'without a port it opens none')
  t.strictSame(texts(await reach({ special: ['private.test'], allow: ['private.test:3001'] }, 'private.test', 3001)), ['10.1.2.3'], 'but what allow names')
  t.strictSame(texts(await reach({ special: ['127.0.0.1:3001'] }, '127.0.0.1', 3001)), ['127.0.0.1'])
  t.strictSame(texts(await reach({ special: ['127.0.0.1:*'] }, '127.0.0.1', 3001)), ['127.0.0.1'])
  t.strictSame(texts(await reach({ special: ['127.0.0.1:3001'] }, 'loopback.test', 3001)), ['127.0.0.1'], 'reached by name')
  t.strictSame(texts(await reach({ special: ['loopback.test:3001'] }, 'loopback.test', 3001)), ['127.0.0.1'])
  await t.rejects(reach({ special: ['127.0.0.1:3001'] }, '127.0.0.1', 443), SPECIAL)
  await t.rejects(reach({ special: ['127.0.0.1:3001'] }, '127.0.0.2', 3001), PORT)
  await t.rejects(reach({ special: ['127.0.0.1:3001'] }, 'one.test', 3001), PORT, 'a public address on a port opened for another')
  await t.rejects(reach({ special: ['127.0.0.1'] }, '127.0.0.1', 3001), PORT)
  t.strictSame(texts(await reach({ allow: ['127.0.0.1:3001'], special: ['127.0.0.1'] }, '127.0.0.1', 3001)), ['127.0.0.1'])
  t.strictSame(texts(await reach({ special: ['127.0.0.1:3001'] }, 'mixed.test', 3001)), ['127.0.0.1'])
})

t.test('a DNS answer with addresses of several kinds: only the approved ones are kept (R-CONNECT-9)', async t => {
  t.strictSame(texts(await reach({}, 'mixed.test')), ['9.9.9.9', '149.112.112.112'])
  const { lookup } = resolver({ 'six.test': ['2620:fe::9', '2620:fe::fe', '9.9.9.9', '::1', 'fe80::1', '64:ff9b::a00:1'] })
  t.strictSame(texts(await reach({ lookup }, 'six.test')), ['2620:fe::9', '9.9.9.9', '2620:fe::fe'], 'and the families alternate')
})

t.test('a refusal for an address: the client is told no address (R-CONNECT-9)', async t => {
  try {
    await reach({}, 'private.test')
    t.fail('refused')
  } catch (error) {
    t.match(error, { ...SPECIAL, address: '10.1.2.3', block: 'private-use' })
    t.notMatch(JSON.stringify({ ...(error as Error), message: (error as Error).message }), /10\.|private/)
  }
})

t.test('one of our own listeners as the target: it is refused, whatever the lists hold (S40)', async t => {
  const open = { allow: ['*:*'], special: ['*:*'] }
  const own = [{ address: '127.0.0.1', port: 8080 }]
  for (const host of ['127.0.0.1', '127.1', '::ffff:127.0.0.1', '0.0.0.0', '::', 'loopback.test']) {
    await t.rejects(reach(open, host, 8080, own), OWN, host)
  }
  await t.rejects(reach({}, '127.0.0.1', 8080, own), OWN, 'before the port is looked at')
  t.strictSame(texts(await reach(open, '127.0.0.1', 8081, own)), ['127.0.0.1'])
  t.strictSame(texts(await reach(open, 'mixed.test', 8080, own)), ['9.9.9.9', '::1', '10.0.0.1', '149.112.112.112'])
  for (const address of ['0.0.0.0', '::']) {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1']) await t.rejects(reach(open, host, 8080, [{ address, port: 8080 }]), OWN)
  }
})

t.test('a listener that opens after a target was admitted: that target is refused from then on', async t => {
  const own: OwnListener[] = []
  const access = createAccess({ special: ['127.0.0.1:*'] }, () => own)
  const target = { host: '127.0.0.1', port: 8080, scheme: 'http' } as const
  const admitted = await access.admit(target, undefined)
  own.push({ address: '127.0.0.1', port: 8080 })
  t.throws(() => access.admit(target, undefined), OWN)
  t.throws(() => access.resolve(admitted), OWN)
})

t.test('a resolver that rebinds: it is asked once, and only what was classified is dialled (R-CONNECT-9, R-SEC-7, S39)', async t => {
  let calls = 0
  const lookup: LookupFunction = (_name, _options, callback) => {
    callback(null, [{ address: calls++ % 2 === 0 ? '9.9.9.9' : '127.0.0.1', family: 4 }])
  }
  const access = createAccess({ lookup }, () => [])
  const admitted = await access.admit({ host: 'rebind.test', port: 443, scheme: 'connect' }, undefined)
  t.equal(calls, 0)
  t.strictSame(await access.resolve(admitted), [{ address: '9.9.9.9', family: 4 }])
  t.equal(calls, 1)
  await t.rejects(Promise.resolve(access.resolve(admitted)), SPECIAL)
  t.equal(calls, 2)
})

t.test('any answer of a resolver: only public addresses of that same answer come out (R-CONNECT-9, R-SEC-7)', async () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('127.0.0.1', '::1', '::ffff:10.0.0.1', '9.9.9.9', '64:ff9b::7f00:1', '2620:fe::9'))
  await fc.assert(fc.asyncProperty(fc.array(address, { maxLength: 8 }), async answer => {
    const { lookup, asked } = resolver({ 'any.test': answer })
    const reached = await reach({ lookup }, 'any.test').catch((error: { code: string }) => error.code)
    if (asked.length !== 1) return false
    const usable = answer.some(text => isSpecial(text) === null)
    if (!usable) return reached === (answer.length === 0 ? 'FST_PROXY_AUTH_DNS' : IP.code)
    return Array.isArray(reached) && reached.length > 0 && reached.every(({ address }) => isSpecial(address) === null)
  }))
})

t.test('an address literal as the host: it is neither resolved nor kept waiting', async t => {
  const { lookup, asked } = resolver({})
  const access = createAccess({ lookup, family: 6 }, () => [])
  const admitted = access.admit({ host: '9.9.9.9', port: 443, scheme: 'connect' }, undefined)
  t.notOk(admitted instanceof Promise)
  t.strictSame(access.resolve(await admitted), [{ address: '9.9.9.9', family: 4 }])
  t.strictSame(asked, [])
})

t.test('a resolver that fails or is silent: the status is 502 or 504', async t => {
  await t.rejects(reach({}, 'none.test'), { code: 'FST_PROXY_AUTH_DNS', statusCode: 502 })
  await t.rejects(reach({ lookup: () => {}, dnsTimeout: 1 }, 'public.test'), { code: 'FST_PROXY_AUTH_DNS_TIMEOUT', statusCode: 504 })
  t.strictSame(texts(await reach({ family: 6 }, 'public.test')), ['2620:fe::9'])
  await t.rejects(reach({ family: 6 }, 'one.test'), { code: 'FST_PROXY_AUTH_DNS' })
})

t.test('a check: it is asked between the lists and the port, and lifts nothing (R-CONNECT-8)', async t => {
  const asked: string[] = []
  const check = ({ host }: { host: string }): boolean | string => { asked.push(host); return host === 'one.test' || 'closed today' }
  t.strictSame(texts(await reach({ check }, 'one.test')), ['9.9.9.9'])
  await t.rejects(reach({ check }, 'public.test', 25), { ...REQUEST, reason: 'closed today' })
  await t.rejects(reach({ check }, 'one.test', 25), PORT)
  await t.rejects(reach({ check: () => true }, '127.0.0.1'), SPECIAL)
  asked.length = 0
  await t.rejects(reach({ check, deny: ['one.test'] }, 'one.test'), DENIED)
  await t.rejects(reach({ check, allow: ['other.test'] }, 'one.test'), NOT_ALLOWED)
  await t.rejects(reach({ check, allow: ['10.0.0.0/8'] }, '9.9.9.9'), NOT_ALLOWED)
  t.strictSame(asked, [])
})

t.test('a check that takes time: it is awaited until its deadline, and is told the user', async t => {
  const check = async (_target: unknown, user: { name: string }): Promise<boolean> => user.name === 'alice'
  const access = createAccess({ check, lookup: resolver(NAMES).lookup }, () => [])
  const target = { host: 'one.test', port: 443, scheme: 'http' } as const
  t.match(await access.admit(target, { name: 'alice' }), { host: 'one.test' })
  await t.rejects(Promise.resolve(access.admit(target, { name: 'bob' })), { ...REQUEST, reason: 'refused by a rule' })
  await t.rejects(Promise.resolve(access.admit({ ...target, port: 25 }, { name: 'alice' })), PORT)
  const silent = createAccess({ check: () => new Promise<boolean>(() => {}), checkTimeout: 1 }, () => [])
  await t.rejects(Promise.resolve(silent.admit(target, undefined)), { code: 'FST_PROXY_AUTH_CHECK_TIMEOUT' })
})

t.test('a wrong option: the boot fails', async t => {
  t.throws(() => createAccess({ allow: ['a b'] }, () => []), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'forward.allow[0]' })
})

t.test('a pattern without a port: 443 and 80 in allow, every port in deny (F-46)', async t => {
  for (const port of [443, 80]) t.strictSame(texts(await reach({ allow: ['one.test'] }, 'one.test', port)), ['9.9.9.9'])
  await t.rejects(reach({ allow: ['one.test'] }, 'one.test', 8443), PORT)
  for (const port of [443, 80, 8443]) await t.rejects(reach({ allow: ['one.test:*'], deny: ['one.test'] }, 'one.test', port), DENIED)
})

t.test('a check that takes its time: the addresses come when it is through', async t => {
  const access = createAccess({ check: async () => true, lookup: resolver(NAMES).lookup }, () => [])
  t.match(await access.approve({ host: 'one.test', port: 443, scheme: 'https' }, undefined), [{ address: '9.9.9.9' }])
})

t.test('a name whose addresses are never looked at: it is kept where nothing was left to them to tell', async t => {
  const keep = async (options: ForwardPolicyOptions, host: string, port = 443, own: OwnListener[] = []): Promise<void> => {
    const access = createAccess({ lookup: resolver(NAMES).lookup, ...options }, () => own)
    access.keepName(await access.admit({ host, port, scheme: 'connect' }, undefined))
  }
  await t.resolves(keep({}, 'private.test'))
  await t.resolves(keep({ allow: ['one.test:8080'] }, 'one.test', 8080))
  await t.rejects(keep({ allow: ['9.9.9.9'] }, 'one.test'), NOT_ALLOWED)
  await t.rejects(keep({ special: ['9.9.9.9:8080'] }, 'one.test', 8080), PORT)
  for (const host of ['localhost', 'LOCALHOST.', 'a.localhost']) {
    await t.rejects(keep({}, host), SPECIAL, host)
    await t.resolves(keep({ special: ['localhost', 'a.localhost'] }, host), host)
    await t.rejects(keep({ special: ['localhost', 'a.localhost'] }, host, 443, [{ address: '127.0.0.1', port: 443 }]), OWN, host)
  }
  await t.rejects(keep({ special: ['127.0.0.1'] }, 'localhost'), SPECIAL, 'it may mean the other one')
  await t.resolves(keep({}, 'mylocalhost'))
})

/** What has to permit a target, by rules. */
function permitBy (rules: PolicyDocument['rules'], about: Partial<PolicyRequest>, authorize: () => Eventual<void> = () => {}): Permit {
  const policy = createPolicy({ rules })
  return new Permit({ form: 'connect', ...about }, {} as ProxyIdentity, { version: 0, decide: request => policy.decide(request), authorize })
}

t.test('rules: they are asked behind the lists and check, before the function, and what they allow has its port open', async t => {
  const asked: string[] = []
  const check = () => { asked.push('check'); return true }
  const permitted = async (rules: PolicyDocument['rules'], { host = 'one.test', port = 443, ...options }: ForwardPolicyOptions & { host?: string, port?: number } = {}) => {
    const access = createAccess({ lookup: resolver(NAMES).lookup, ...options }, () => [])
    return await access.approve({ host, port, scheme: 'connect' }, undefined, permitBy(rules, { host, port }, () => { asked.push('authorize') }))
  }
  const open = [{ to: ['one.test:*', '9.9.9.9:*'], action: 'allow' as const }]
  t.strictSame(texts(await permitted(open, { check, port: 25 })), ['9.9.9.9'])
  t.strictSame(texts(await permitted(open, { host: '9.9.9.9', port: 25 })), ['9.9.9.9'])
  t.strictSame(asked, ['check', 'authorize', 'authorize'])
  await t.rejects(permitted(open, { check, deny: ['one.test'] }), DENIED)
  await t.rejects(permitted(open, { check, allow: ['other.test'] }), NOT_ALLOWED)
  await t.rejects(permitted(open, { check: () => 'closed today' }), { ...REQUEST, reason: 'closed today' })
  t.equal(asked.length, 3, 'what the lists refuse is asked of nothing else')
  await t.rejects(permitted([], { check: async () => true }), { ...REQUEST, reason: 'no rule allows it' })
  await t.rejects(permitted([{ to: ['private.test'], action: 'allow' }], { host: 'private.test' }), SPECIAL)
  t.strictSame(texts(await permitted([{ to: ['private.test:*'], special: true, action: 'allow' }], { host: 'private.test', port: 3001 })), ['10.1.2.3'])
})

t.test('rules about addresses: each address of a name is asked about', async t => {
  const rules = [{ name: 'ten', to: ['10.0.0.0/8:*'], special: true, action: 'allow' as const }, { name: 'nine', to: ['9.9.9.9'], action: 'deny' as const, reason: 'closed' }]
  const at = async (host: string, port = 443) => {
    const access = createAccess({ lookup: resolver(NAMES).lookup }, () => [])
    return texts(await access.approve({ host, port, scheme: 'connect' }, undefined, permitBy(rules, { host, port })))
  }
  t.strictSame(await at('mixed.test', 3001), ['10.0.0.1'])
  await t.rejects(at('one.test'), { ...IP, reason: 'closed', rule: 'nine' })
  await t.rejects(at('loopback.test'), { ...IP, reason: 'no rule allows it' })
})

t.test('a name that a parent resolves: rules that need its addresses refuse it, and a rule that allows it opens its port', async t => {
  const keep = async (rules: PolicyDocument['rules'], port: number) => {
    const access = createAccess({}, () => [])
    access.keepName(await access.admit({ host: 'one.test', port, scheme: 'connect' }, undefined, permitBy(rules, { host: 'one.test', port })))
  }
  await t.resolves(keep([{ to: ['one.test:8443'], action: 'allow' }], 8443))
  await t.rejects(keep([{ to: ['9.9.9.9'], action: 'allow' }], 443), { ...REQUEST, reason: 'a rule needs the address of the target' })
})

t.test('a target that is examined: what refuses it, and each of its addresses, is told, and nothing is thrown', async t => {
  const examine = async (host: string, { port = 443, rules, ...options }: ForwardPolicyOptions & { port?: number, rules?: PolicyDocument['rules'] } = {}) => {
    const access = createAccess({ lookup: resolver(NAMES).lookup, ...options }, () => [])
    return await access.examine({ host, port, scheme: 'connect' }, rules && permitBy(rules, { host, port }))
  }
  t.match(await examine('one.test'), { denial: null, addresses: [{ address: '9.9.9.9', denial: null }] })
  t.match(await examine('9.9.9.9'), { denial: null, addresses: [{ address: '9.9.9.9', denial: null }] })
  t.match(await examine('one.test', { deny: ['one.test'] }), { denial: DENIED, addresses: [] })
  t.match(await examine('one.test', { port: 25 }), { denial: PORT, addresses: [] })
  t.match(await examine('one.test', { rules: [] }), { denial: { reason: 'no rule allows it' }, addresses: [] })
  t.match(await examine('private.test'), { denial: { reason: SPECIAL.reason }, addresses: [{ address: '10.1.2.3', denial: { block: 'private-use' } }] })
  const { denial, addresses } = await examine('mixed.test', { rules: [{ to: ['9.0.0.0/8', '10.0.0.0/8'], action: 'allow' }] })
  t.equal(denial, null)
  t.strictSame(addresses.filter(({ denial }) => denial === null).map(({ address }) => address), ['9.9.9.9'])
  await t.rejects(examine('a..b'), { code: 'FST_PROXY_AUTH_BAD_TARGET' })
  await t.rejects(examine('none.test'), { code: 'FST_PROXY_AUTH_DNS' })
})
