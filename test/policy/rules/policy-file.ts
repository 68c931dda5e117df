import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import type { PolicyFileOptions } from '../../../lib/policy/rules/policy-file.js'
import { isPolicyFile, policyFile } from '../../../lib/policy/rules/policy-file.js'
import { createPolicy } from '../../../lib/policy/rules/policy.js'
import { mocked } from '../../fixtures/mocked.js'
import { until } from '../../fixtures/until.js'

const request = { form: 'connect', host: 'a.test', user: 'alice' } as const
const identity = { user: {}, name: 'alice', info: undefined, scheme: 'Basic', realm: 'Lab' }
const ALLOW = 'rules:\n  - to: [a.test]\n    action: allow\n'
const DENY = 'rules:\n  - name: closed\n    action: deny\n    reason: closed\n'

function create (t: Test, text: string, { name = 'policy.yaml', ...options }: PolicyFileOptions & { name?: string } = {}) {
  const path = join(t.testdir({}), name)
  writeFileSync(path, text, /[\x80-\xff]/.test(text) ? 'latin1' : 'utf8')
  const problems: Error[] = []
  const file = policyFile(path, { interval: 5, log: problem => problems.push(problem), ...options })
  t.teardown(() => file.close())
  return { path, problems, file }
}

t.test('a file in YAML or JSON: its rules are in force', async t => {
  const json = JSON.stringify({ rules: [{ to: ['a.test'], action: 'allow' }] })
  for (const [name, text] of [['policy.yaml', ALLOW], ['policy', ALLOW], ['policy.json', json], ['policy.yml', json], ['policy.yaml', `\ufeff${ALLOW}`]] as const) {
    const { file } = create(t, text, { name })
    t.equal(file.decide(request).allowed, true, name)
    t.equal(file.check({ host: 'b.test', port: 443, scheme: 'http' }, identity), 'no rule allows it')
    t.equal(file.explain(request).summary, 'allowed by rule "rules[0]"')
    t.same(file.warnings, [])
  }
})

t.test('rules of a file: they are told from those that cannot change', t => {
  t.equal(isPolicyFile(create(t, ALLOW).file), true)
  t.equal(isPolicyFile(createPolicy({ rules: [] })), false)
  t.end()
})

t.test('a file that changes: the new rules are taken over as a whole, and told of', async t => {
  const { path, file, problems } = create(t, ALLOW)
  const told: unknown[] = []
  const previous = file.current
  const end = file.onChange((current, before) => told.push(current, before))
  writeFileSync(path, DENY)
  await until(() => file.current !== previous)
  t.equal(file.decide(request).reason, 'closed')
  t.same(told, [file.current, previous])
  end()
  writeFileSync(path, ALLOW)
  await until(() => file.decide(request).allowed === true)
  t.equal(told.length, 2)
  t.same(problems, [])
})

t.test('routes and hours of the rules: they are those of the rules in force', async t => {
  const { path, file } = create(t, 'rules:\n  - routes: [/api]\n    from: "08:00"\n    action: allow\n')
  t.strictSame([file.routes, file.hasHours], [['/api'], true])
  writeFileSync(path, ALLOW)
  await file.reload()
  t.strictSame([file.routes, file.hasHours], [[], false])
})

t.test('a file without a document, and options that are wrong: the option is told of', async t => {
  t.throws(() => create(t, '', { clock: 1 as never }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'option clock must be a function, got number' })
})

t.test('a file that becomes wrong: the old rules stay, and it is logged once', async t => {
  const { path, file, problems } = create(t, ALLOW)
  const { current } = file
  writeFileSync(path, `${ALLOW}  - tos: [canary]\n    action: allow\n`)
  await until(() => problems.length > 0)
  t.match(problems[0], { code: 'FST_PROXY_AUTH_BAD_OPTION', message: 'the file of rules, line 4: unknown option "policy.rules[1].tos"; did you mean "policy.rules[1].to"?' })
  t.equal(file.current, current)
  rmSync(path)
  await until(() => problems.length > 1)
  t.match(problems[1], { code: 'ENOENT' })
  t.equal(file.current, current)
  writeFileSync(path, DENY)
  await until(() => file.current !== current)
  t.equal(problems.length, 2)
})

t.test('a listener that throws: the others are told all the same', async t => {
  const { path, file } = create(t, ALLOW)
  let told = 0
  t.capture(console, 'error')
  file.onChange(() => { throw new Error('of the application') })
  file.onChange(() => { told++ })
  writeFileSync(path, DENY)
  await file.reload()
  t.equal(told, 1)
})

t.test('reload: the file is read now, and what is wrong with it is thrown', async t => {
  const { path, file, problems } = create(t, ALLOW, { interval: 1_000_000 })
  const { current } = file
  await file.reload()
  t.equal(file.decide(request).allowed, true)
  writeFileSync(path, DENY)
  t.equal(file.decide(request).allowed, true, 'not yet')
  await Promise.all([file.reload(), file.reload()])
  t.equal(file.decide(request).allowed, false)
  writeFileSync(path, 'rules: [{}]\n')
  await t.rejects(file.reload(), { message: "the file of rules, line 1: option policy.rules[0].action must be 'allow' or 'deny' or 'report', got nothing" })
  await t.rejects(file.reload(), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, 'each time')
  t.equal(file.decide(request).allowed, false, 'the rules before it hold')
  t.not(file.current, current)
  t.same(problems, [])
})

t.test('a file that is wrong at the start: the boot fails, with the line and nothing of the file', async t => {
  for (const [name, text, message] of [
    ['a.yaml', 'rules:\n  - action: allow\n    to:\n      - a.test\n      - http://canary\n', /^the file of rules, line 5: option policy\.rules\[0\]\.to\[1\] must be /],
    ['a.json', '{"rules": [\n{"action": "allow"},\n{"to": ["canary*.test"], "action": "allow"}]}', /^the file of rules, line 3: option policy\.rules\[1\]\.to\[0\] must be /],
    ['a.yaml', 'rules: [\ncanary', /^the file of rules, line \d: not YAML \(/], ['a.json', '{\n"rules": canary}', /^the file of rules, line 2: not JSON$/], ['a.yaml', '', /^the file of rules, line 1: option policy must be an object, got null$/],
    ['a.yaml', 'rules:\n  - action: allow\n    to: [a.test]\n\n    to-x: 1\n', /^the file of rules, line 5: unknown option "policy\.rules\[0\]\.to-x"/], ['a.json', '{"rules": [{"action": "allow"}],\n"rules[0].action": 1}', /^the file of rules, line 2: unknown option/],
    ['a.json', '{"rules": [],\n"0": 1}', /^the file of rules, line 2: unknown option "policy\.0"/], ['a.yaml', 'rules:\n  - ? {to: canary}\n    : allow\n', /^the file of rules, line 2: not YAML \(NON_STRING_KEY\)$/],
    ['a.yaml', `rules: []\n${'x'.repeat(100)}canary: 1\n`, /^the file of rules, line 2: unknown option "policy\.x{60}…"/], ['a.yaml', 'rules: []\n"a\\nb": 1', /^the file of rules, line 2: unknown option "policy\.a\?b"/],
    ['a.yaml', 'rules:\n  - action: deny\n    users: [J\xfcrgen canary]\n', /^the file of rules, line 3: not UTF-8$/],
    ['a.json', '{"rules": [],\n"rules": []}', /^the file of rules, line 2: a name comes twice$/], ['a.yaml', 'rule: []', /^the file of rules, line 1: unknown option "policy\.rule"/]
  ] as const) {
    try {
      create(t, text, { name })
      t.fail(text)
    } catch (error) {
      t.match(error, { code: 'FST_PROXY_AUTH_BAD_OPTION', message })
      t.notMatch((error as Error).message, 'canary')
    }
  }
  t.throws(() => policyFile(join(t.testdir({}), 'missing')), { code: 'ENOENT' })
})

t.test('the package for YAML is not there: the boot fails, and names it', async t => {
  const { policyFile: open } = await mocked<typeof import('../../../lib/policy/rules/policy-file.js')>(t, 'lib/policy/rules/policy-file.js', {
    'node:module': { createRequire: () => () => { throw new Error('not found') } }
  })
  const folder = t.testdir({ 'policy.yaml': ALLOW, 'policy.json': '{"rules":[]}' })
  t.throws(() => open(join(folder, 'policy.yaml')), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: 'a policy in YAML needs a package that is not there: npm install yaml' })
  const file = open(join(folder, 'policy.json'))
  t.equal(file.decide(request).allowed, false, 'JSON does without it')
  await file.close()
})

t.test('options that are wrong: the boot fails, and names them', async t => {
  for (const options of [{ interval: 0 }, { interval: 'x' }, { timeout: 0 }, { log: 'x' }, { clock: 1 }, { groups: {} }]) {
    t.throws(() => create(t, ALLOW, options as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: new RegExp(`^option ${Object.keys(options)[0]} must be `) })
  }
  t.throws(() => create(t, ALLOW, { intervall: 5 } as never), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /did you mean "interval"/ })
  t.throws(() => policyFile(7 as never), { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('no function to log with: a wrong file is a warning of the process', async t => {
  const path = join(t.testdir({ 'policy.yaml': ALLOW }), 'policy.yaml')
  const warned = t.capture(process, 'emitWarning')
  const file = policyFile(path, { interval: 5 })
  t.teardown(() => file.close())
  writeFileSync(path, 'rules: canary')
  let calls = warned()
  await until(() => (calls = [...calls, ...warned()]).length > 0)
  t.match(calls[0]!.args[0], { code: 'FST_PROXY_AUTH_BAD_OPTION' })
})

t.test('a file that is closed: the rules stay, and it is not looked at', async t => {
  const { path, file } = create(t, ALLOW)
  const other = policyFile(path, { interval: 5, log: () => {} })
  t.teardown(() => other.close())
  await file.close()
  writeFileSync(path, DENY)
  await until(() => other.decide(request).allowed === false)
  t.equal(file.decide(request).allowed, true)
})

t.test('a file that is closed while a change is being read: no one is told of it afterwards', async t => {
  const { path, file } = create(t, ALLOW, { interval: 1 })
  writeFileSync(path, DENY)
  await wait(30) // in which a look at it begins
  let told = 0
  file.onChange(() => told++)
  await file.close()
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(told, 0)
})

t.test('reloads in the middle of many requests, with a broken file in between: each decision is of the one or the other', async t => {
  const { path, file } = create(t, ALLOW, { interval: 1, timeout: 1000 })
  const texts = [ALLOW, 'rules: [', DENY, '']
  const test = { isOver: false }
  const asking = (async () => {
    const seen = new Set<boolean | null>()
    while (!test.isOver) {
      for (let asked = 0; asked < 20; asked++) seen.add(file.decide(request).allowed)
      await new Promise(resolve => setImmediate(resolve))
    }
    return seen
  })()
  for (let round = 0; round < 12; round++) {
    writeFileSync(path, texts[round % texts.length]!)
    if (round % 2 === 0) await file.reload().catch(() => {})
    else await t.rejects(file.reload())
  }
  test.isOver = true
  t.strictSame(await asking, new Set([true, false]))
})
