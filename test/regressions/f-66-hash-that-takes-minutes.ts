import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BasicStrategy, htpasswd } from '../../lib/index.js'
import { FORMS, message, surroundings } from '../fixtures/forms.js'
import { RawClient } from '../fixtures/raw-client.js'

// One line with bcrypt of cost 31 makes a guess at it take days, on a thread that other logins need.

const HASH = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'

t.test('a line with bcrypt of cost 31: no boot, and later the old accounts stay (F-66)', async t => {
  const path = join(t.testdir({ users: `alice:$2y$31$${HASH}\n` }), 'users')
  t.throws(() => htpasswd(path), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /line 1/ })
  t.throws(() => htpasswd(path, { maxBcryptCost: 32 }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /maxBcryptCost/ })
  t.throws(() => htpasswd(path, { maxArgon2Work: 7 }), { code: 'FST_PROXY_AUTH_BAD_OPTION', message: /maxArgon2Work/ })
  writeFileSync(path, 'alice:{SHA}KusvaLb24DJ0ziPMVrqjntyCRkM=\n')
  const problems: Error[] = []
  const users = htpasswd(path, { interval: 0, log: problem => { problems.push(problem) } })
  writeFileSync(path, `alice:{SHA}KusvaLb24DJ0ziPMVrqjntyCRkM=\nbob:$2y$16$${HASH}\n`)
  t.match(await users.verify({ username: 'alice', password: 'alice-secret' }), { username: 'alice' })
  t.match(problems, [{ code: 'FST_PROXY_AUTH_BAD_OPTION', message: /line 2/ }])
  await users.close()
})

for (const form of FORMS) {
  t.test(`${form}: guesses that take too long count (F-66)`, async t => {
    const { port, origin } = await surroundings(t, {
      strategies: [new BasicStrategy({ verify: async () => await new Promise<null>(() => {}) })], strategyTimeout: 20, attempts: { perUser: 2 }
    })
    const statuses: string[] = []
    for (const guess of ['1', '2', '3']) {
      const client = await RawClient.to(t, port)
      const credentials = `Basic ${Buffer.from(`alice:${guess}`).toString('base64')}`
      statuses.push((await client.send(message(form, origin.authority, [`Proxy-Authorization: ${credentials}`])).until(text => text.includes('\r\n\r\n'))).slice(9, 12))
    }
    t.same(statuses, ['503', '503', '429'])
  })
}
