// The demo with rules in a file, written and changed as its user would.
import { writeFileSync } from 'node:fs'
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
