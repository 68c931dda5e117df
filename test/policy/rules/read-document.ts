import t from 'tap'
import type { Test } from 'tap'
import { RULE_MEMBERS, readDocument } from '../../../lib/policy/rules/read-document.js'
import { CANARY, refusesOption } from '../../fixtures/bad-option.js'

const read = (document: unknown) => readDocument(document as never)
const readRule = (rule: object) => read({ rules: [{ action: 'deny' }, { action: 'allow', ...rule }] }).rules[1]!

/** The whole message for a wrong rule. */
function messageFor (t: Test, rule: object): string {
  try {
    readRule(rule)
  } catch (error) {
    t.equal((error as { code: string }).code, 'FST_PROXY_AUTH_BAD_OPTION')
    const { message } = error as Error
    t.notMatch(message, CANARY)
    return message
  }
  return 'it was read'
}

t.test('a document of nothing: it denies', async t => {
  t.same(read({ rules: [] }), { rules: [], allowsByDefault: false, reportsOnly: false })
  t.same(read({ rules: [], default: 'allow', report: true }), { rules: [], allowsByDefault: true, reportsOnly: true })
})

t.test('a rule of an action alone: it has no conditions', async t => {
  t.strictSame(readRule({}), {
    index: 1,
    name: 'rules[1]',
    action: 'allow',
    reason: null,
    special: false,
    users: null,
    groups: null,
    schemes: null,
    anonymous: null,
    clients: null,
    to: null,
    except: null,
    routes: null,
    methods: null,
    forms: null,
    paths: null,
    hours: null
  })
})

t.test('each member: it is read', async t => {
  t.match(readRule({
    name: 'One rule', users: ['Ja\u0308s'], groups: ['ci'], schemes: ['Basic', null], anonymous: false, clients: ['10.0.0.0/8'], to: ['*.A.test:22'], except: ['b.test'], methods: ['GET', 'X-1'], forms: ['http'], paths: ['/A'], special: true
  }), {
    name: 'One rule',
    users: new Set(['J\u00e4s']),
    groups: new Set(['ci']),
    schemes: new Set(['basic', null]),
    anonymous: false,
    clients: { all: [{ kind: 'prefix', port: null }] },
    to: { all: [{ kind: 'subdomains', name: 'a.test', port: 22 }] },
    except: { all: [{ name: 'b.test' }] },
    methods: new Set(['GET', 'X-1']),
    forms: new Set(['http']),
    paths: [{ certain: ['A'], possible: ['a'] }],
    special: true
  })
  t.strictSame(readRule({ routes: ['/api/', '/'] }).routes, new Set(['/api', '/']))
  t.equal(readRule({ action: 'report', reason: 'Not on the list (yet)!' }).reason, 'Not on the list (yet)!')
  t.equal(readRule({ action: 'deny', reason: 'x' }).reason, 'x')
})

t.test('hours: they have a zone, and days and times as far as none is given', async t => {
  const hours = (rule: object) => {
    const { zone, ...rest } = readRule(rule).hours!
    return { zone: zone.name, ...rest }
  }
  const every = new Set([0, 1, 2, 3, 4, 5, 6])
  t.strictSame(hours({ days: ['sun', 'mon', 'sat'] }), { zone: 'UTC', days: new Set([0, 1, 6]), from: 0, until: 1440 })
  t.strictSame(hours({ from: '09:05', zone: 'Europe/Berlin' }), { zone: 'Europe/Berlin', days: every, from: 545, until: 1440 })
  t.strictSame(hours({ until: '24:00' }), { zone: 'UTC', days: every, from: 0, until: 1440 })
  t.strictSame(hours({ from: '22:00', until: '00:00' }), { zone: 'UTC', days: every, from: 1320, until: 0 })
  const { rules } = read({ rules: [1, 2].map(() => ({ from: '09:00', zone: 'Europe/Berlin', action: 'deny' })) })
  t.equal(rules[0]!.hours!.zone, rules[1]!.hours!.zone, 'a zone has one clock')
})

t.test('a document that is wrong: the message names what, and no value', async t => {
  for (const [document, option, got] of [
    [undefined, 'policy', 'undefined'], [null, 'policy', 'null'], [[], 'policy', 'a list'], [CANARY, 'policy', 'string'],
    [{}, 'policy.rules', 'undefined'], [{ rules: {} }, 'policy.rules', 'object'], [{ rules: CANARY }, 'policy.rules', 'string'], [{ rules: [], default: CANARY }, 'policy.default', 'string'],
    [{ rules: [], default: 'report' }, 'policy.default', 'string'], [{ rules: [], report: 'no' }, 'policy.report', 'string'], [{ rules: [], rule: [] }, 'policy.rule', 'it'],
    [{ rules: [null] }, 'policy.rules[0]', 'null'], [{ rules: [CANARY] }, 'policy.rules[0]', 'string'], [{ rules: [{}] }, 'policy.rules[0].action', 'nothing'],
    [{ rules: [{ action: 'permit' }] }, 'policy.rules[0].action', 'string'], [{ rules: [{ action: null }] }, 'policy.rules[0].action', 'null'],
    [{ rules: [{ action: 'deny', name: 'x' }, { action: 'deny', name: 'x' }] }, 'policy.rules[1].name', 'one that another rule has'],
    [{ rules: [{ action: 'deny', name: 'rules[1]' }, { action: 'deny' }] }, 'policy.rules[1].name', 'one that another rule has']
  ] as const) refusesOption(t, () => read(document), option, got)
  t.throws(() => readDocument({ rules: [{ action: 'x' as never }] }, 'other'), { message: /^option other\.rules\[0\]\.action / })
})

t.test('a rule that is wrong: the message names the member, and no value', async t => {
  const lists = ['users', 'groups', 'schemes', 'clients', 'to', 'except', 'routes', 'methods', 'forms', 'paths', 'days']
  for (const member of lists) {
    refusesOption(t, () => readRule({ [member]: CANARY }), `policy.rules[1].${member}`, 'string')
    refusesOption(t, () => readRule({ [member]: null }), `policy.rules[1].${member}`, 'null')
    refusesOption(t, () => readRule({ [member]: [] }), `policy.rules[1].${member}`, 'an empty list')
    refusesOption(t, () => readRule({ [member]: [7] }), `policy.rules[1].${member}[0]`, 'number')
  }
  for (const [rule, option, got] of [
    [{ name: 7 }, 'name', 'number'], [{ name: '' }, 'name', 'other text'], [{ name: ' x' }, 'name', 'other text'], [{ name: 'a\nb' }, 'name', 'other text'], [{ name: 'x'.repeat(101) }, 'name', 'other text'],
    [{ users: ['alice', ''] }, 'users[1]', 'empty text'], [{ schemes: ['a b'] }, 'schemes[0]', 'other text'], [{ anonymous: 'yes' }, 'anonymous', 'string'], [{ anonymous: null }, 'anonymous', 'null'],
    [{ clients: ['a.test'] }, 'clients[0]', 'another pattern'], [{ clients: ['*'] }, 'clients[0]', 'another pattern'], [{ clients: ['10.0.0.1:22'] }, 'clients[0]', 'another pattern'],
    [{ clients: ['10.0.0.1/8'] }, 'clients[0]', 'a string with bits set behind its prefix length'], [{ to: ['a.test', 'a*.test'] }, 'to[1]', 'a string with a wildcard that is not the whole leftmost label'],
    [{ to: ['a.test/x'] }, 'to[0]', 'a path: a tunnel has none, so write the host alone'], [{ except: ['http://canary'] }, 'except[0]', 'a URL: write its host, with :port where it names one'],
    [{ routes: ['api'] }, 'routes[0]', 'other text'], [{ methods: ['get'] }, 'methods[0]', 'other text'], [{ methods: ['G T'] }, 'methods[0]', 'other text'],
    [{ forms: ['canary'] }, 'forms[0]', 'string'], [{ days: ['Mon'] }, 'days[0]', 'string'], [{ paths: ['/a/../canary'] }, 'paths[0]', 'other text'], [{ paths: ['/canary/*'] }, 'paths[0]', 'other text'],
    [{ special: 'yes' }, 'special', 'string'], [{ special: true, action: 'deny' }, 'special', 'true'],
    [{ reason: 'x' }, 'reason', 'one'], [{ action: 'deny', reason: '' }, 'reason', 'other text'], [{ action: 'deny', reason: 'café' }, 'reason', 'other text'], [{ action: 'deny', reason: 'a\r\nb' }, 'reason', 'other text'],
    [{ action: 'deny', reason: 'x '.repeat(101) }, 'reason', 'other text'], [{ action: 'deny', reason: 'x' + '-'.repeat(200) }, 'reason', 'other text'], [{ action: 'deny', reason: 7 }, 'reason', 'number'],
    [{ routes: ['/'], to: ['*'] }, 'routes', 'both'], [{ routes: ['/'], except: ['*'] }, 'routes', 'both'], [{ forms: ['connect'], paths: ['/a'] }, 'paths', 'some'],
    [{ zone: 'UTC' }, 'zone', 'one'], [{ from: '24:00' }, 'from', '24:00'], [{ from: '10:00', until: '10:00' }, 'until', 'that'], [{ until: '00:00' }, 'until', 'that'], [{ from: 9 }, 'from', 'number'],
    [{ from: '9:00' }, 'from', 'other text'], [{ from: '25:00' }, 'from', 'other text'], [{ until: '09:60' }, 'until', 'other text'], [{ until: '24:01' }, 'until', 'other text'],
    [{ from: '09:00', zone: 'Mars/Canary' }, 'zone', 'the name of none'], [{ from: '09:00', zone: '+02:00' }, 'zone', 'the name of none'], [{ from: '09:00', zone: '' }, 'zone', 'the name of none'], [{ from: '09:00', zone: 2 }, 'zone', 'number'], [{ from: '09:00', zone: null }, 'zone', 'null'],
    [{ tos: ['*'] }, 'tos', 'it']
  ] as const) refusesOption(t, () => readRule(rule), `policy.rules[1].${option}`, got)
  t.equal(messageFor(t, { forms: ['connect', 'http'], paths: ['/a'] }), 'it was read')
})

t.test('a word that is nearly right: the message says which was meant', async t => {
  t.match(messageFor(t, { tos: ['*'] }), 'did you mean "policy.rules[1].to"?')
  t.match(messageFor(t, { forms: ['conect'] }), 'did you mean connect?')
  t.match(messageFor(t, { days: ['MON'] }), 'did you mean mon?')
  t.match(messageFor(t, { days: ['canary'] }), 'must be one of sun, mon, tue, wed, thu, fri, sat, got string')
  t.match(messageFor(t, { from: '09:00', zone: 'Europe/Berlni' }), 'did you mean Europe/Berlin?')
  t.match(messageFor(t, { from: '09:00', zone: 'Somewhere/Far/Away' }), 'must be a time zone such as Europe/Berlin, got the name of none')
})

t.test('the members of a rule: they are those that can be read', async t => {
  for (const member of RULE_MEMBERS) t.notMatch(messageFor(t, { [member]: Symbol('x') }), 'unknown', member)
})
