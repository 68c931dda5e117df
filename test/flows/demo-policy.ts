// The demo with rules in a file, written and changed as its user would.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { origin } from '../fixtures/origin.js'
import { curl, paste } from '../fixtures/paste.js'
import { startProgram } from '../fixtures/started-program.js'
import { until } from '../fixtures/until.js'

t.test('POLICY and GROUPS: the demo goes by the rules of the file, and by its changes', { skip: curl.skip }, async t => {
  const target = await origin(t)
  const path = join(t.testdir({}), 'policy.yaml')
  const write = (group: string) => writeFileSync(path, [
    'rules:',
    '  - name: staff',
    `    groups: [${group}]`,
    "    to: ['*:*', '0.0.0.0/0:*']",
    '    special: true',
    '    action: allow'
  ].join('\n'))
  write('ci')
  const { port } = await startProgram(t, 'demo/gateway.ts', { SCHEMES: 'basic', POLICY: path, GROUPS: 'alice=ci+staff,bob=staff' })
  const status = async (user: string) => (await paste(t, `curl -x http://${user}:${user}-secret@127.0.0.1:${port} ${target.url}/`)).status
  t.equal(await status('alice'), '200')
  t.equal(await status('bob'), '403')
  write('staff')
  await until(async () => await status('bob') === '200')
  write('guests')
  await until(async () => await status('alice') === '403')
  t.equal(await status('bob'), '403')
})

t.test('a document of the examples: the demo goes by it, with the reasons of its rules', { skip: curl.skip }, async t => {
  const target = await origin(t)
  const { port } = await startProgram(t, 'demo/gateway.ts', {
    SCHEMES: 'basic', POLICY: 'examples/policies/build-farm.yaml', GROUPS: 'alice=ci', HOSTS: 'pypi.org=10.0.0.1,repo1.maven.org=127.0.0.1', FORWARD_SPECIAL: `repo1.maven.org:${target.port}`
  })
  const ask = async (user: string, url: string) => await paste(t, `curl -x http://${user}:${user}-secret@127.0.0.1:${port} -i ${url}`)
  t.match(await ask('alice', 'https://pypi.org/'), { status: '403', body: /^HTTP\/1\.1 403 Internal systems are not for builds/ })
  t.match(await ask('bob', 'https://pypi.org/'), { status: '403', body: /^HTTP\/1\.1 403 No rule allows it/ })
  t.match(await ask('alice', `http://repo1.maven.org:${target.port}/`), { status: '200', body: /origin$/ })
  t.match(await ask('bob', `http://repo1.maven.org:${target.port}/`), { status: '403', body: /no rule allows it/ })
})

t.test('the lines of the guide about rules: they bring what it says', { skip: curl.skip }, async t => {
  const guide = readFileSync('docs/guide/demo.md', 'utf8')
  const [, policy, groups, line, status] = /^POLICY=(\S+) GROUPS=(\S+) npm start\n(curl .*)\n```\n\n```text\n(.*)\n/m.exec(guide)!
  const { port } = await startProgram(t, 'demo/gateway.ts', { POLICY: policy!, GROUPS: groups! })
  const { body } = await paste(t, line!.replace(':8080', `:${port}`))
  t.equal(body.split('\r\n')[0], status)
})
