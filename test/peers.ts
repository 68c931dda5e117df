import t from 'tap'
import { peer } from './fixtures/peers.js'

const here = { node: { packages: ['nodejs'] } }
const away = { nowhere: { packages: ['one', 'two'] } }
const PATH = process.env.PATH

t.test('a program in PATH: it is found', async t => {
  t.match(peer('node', here), { path: /\/node$/, skip: false })
})

t.test('a missing program: the reason to skip names its packages', async t => {
  const skip = 'nowhere is missing: apt-get install one two'
  t.strictSame(peer('nowhere', away, { PATH }), { path: '', skip })
  t.match(peer('node', here, {}), { skip: /^node is missing/ }, 'nowhere to look')
  t.throws(() => peer('nowhere', away, { PATH, PEERS: 'required' }), { message: skip })
})

t.test('a program that must be in one place: it is not looked for elsewhere', async t => {
  const [path, other] = [process.execPath, '/nonexistent/node']
  t.strictSame(peer('node', { node: { packages: [], path } }, {}), { path, skip: false })
  t.match(peer('node', { node: { packages: ['nodejs'], path: other } }, { PATH }), { skip: /^node is missing/ })
})

t.test('a program that lacks something: its probe fails', async t => {
  const lines = (probe: string[]) => ({ node: { packages: ['nodejs'], probe } })
  t.equal(peer('node', lines(['-e', '']), { PATH }).skip, false)
  t.match(peer('node', lines(['-e', 'process.exit(1)']), { PATH }), { skip: /^node is missing/ })
})

t.test('a program that is not in the list of peers: asking for it is an error, so that .ci/run installs all', async t => {
  t.throws(() => peer('nobody-listed-me'), { message: /peers\.json/ })
})
