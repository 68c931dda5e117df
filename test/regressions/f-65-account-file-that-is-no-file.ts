import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { BasicStrategy, DigestStrategy, htdigest, htpasswd } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { message } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'

// Opening a FIFO waits for a writer, on a thread of the pool; so may a device. An account file that has become one must neither
// keep users out nor the process from ending.

const SHA = 'alice:{SHA}KusvaLb24DJ0ziPMVrqjntyCRkM=\n'
const HTDIGEST = 'alice:Gateway:acd2bd6696adc5ee94a45fa659bfd172\n'

const KINDS: Array<readonly [name: string, make: (path: string) => unknown]> = [
  ['a FIFO', path => execFileSync('mkfifo', [path])],
  ['a directory', path => mkdirSync(path)],
  ['a device', path => symlinkSync('/dev/zero', path)],
  ['a socket', async path => {
    const short = join(tmpdir(), `${randomUUID()}.sock`) // the path of a socket has a hundred chars
    const server = createServer().listen(short)
    await new Promise(resolve => server.once('listening', resolve))
    t.teardown(() => server.close())
    renameSync(short, path)
  }]
]

for (const [name, make] of KINDS) {
  t.test(`htpasswd and htdigest: ${name} in place of the file: the old accounts stay, and it is logged (F-65)`, async t => {
    const folder = t.testdir({})
    const problems: unknown[] = []
    const log = (problem: Error): void => { problems.push(problem) }
    for (const [kind, text] of [['htpasswd', SHA], ['htdigest', HTDIGEST]] as const) {
      const path = join(folder, kind)
      writeFileSync(path, text)
      const users = kind === 'htpasswd' ? htpasswd(path, { interval: 0, log }) : htdigest(path, { interval: 0, log })
      const find = async (): Promise<unknown> =>
        'verify' in users ? await users.verify({ username: 'alice', password: 'alice-secret' }) : await users.lookup('alice', 'Gateway', 'MD5')
      t.match(await find(), { username: 'alice' }, kind)
      rmSync(path)
      await make(path)
      t.match(await find(), { username: 'alice' }, kind)
      t.match(problems.splice(0), [{ code: 'FST_PROXY_AUTH_BAD_OPTION', message: /^option path must be the name of a regular file/ }])
      rmSync(path, { recursive: true })
      writeFileSync(path, text.replaceAll('alice', 'bob'))
      t.notOk(await find(), 'the good file is back')
      await users.close()
      rmSync(path)
      await make(path)
      t.throws(() => kind === 'htpasswd' ? htpasswd(path) : htdigest(path), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, 'and stops the boot')
    }
  })
}

t.test('a gateway whose account files are FIFOs: logins go on, and it closes (F-65)', async t => {
  const folder = t.testdir({ basic: SHA, digest: HTDIGEST })
  const [basicPath, digestPath] = [join(folder, 'basic'), join(folder, 'digest')]
  const [basic, digest] = [htpasswd(basicPath, { interval: 0 }), htdigest(digestPath, { interval: 0 })]
  const target = await origin(t)
  const up = await gateway(t, {
    strategies: [new DigestStrategy({ lookup: digest.lookup, algorithms: ['MD5'] }), new BasicStrategy({ verify: basic.verify })],
    after: app => app.addHook('onClose', async () => { await Promise.all([basic.close(), digest.close()]) })
  })
  for (const path of [basicPath, digestPath]) {
    rmSync(path)
    execFileSync('mkfifo', [path])
  }
  for (let i = 0; i < 6; i++) {
    const client = await RawClient.to(t, up.port)
    t.match(await client.send(message('absolute-form', target.authority, [`Proxy-Authorization: ${ALICE}`])).answer(), /^HTTP\/1.1 200 /)
  }
  const session = await DigestSession.start(t, { ...up, origin: target, resolved: [] })
  t.equal((await session.send('/', { qop: 'auth', password: 'wrong' })).status, 407)
  await up.app.close()
})
