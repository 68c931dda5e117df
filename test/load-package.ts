import { join } from 'node:path'
import t from 'tap'
import { loadPackage } from '../lib/load-package.js'

t.test('a package that is there: is given', async t => {
  t.equal((await loadPackage<{ join: unknown }>('node:path', 'a test')).join, join)
})

t.test('a package that is not there: the error says what needs it, and how to install it', async t => {
  await t.rejects(loadPackage('a-package-that-is-not-there', 'a test'), {
    code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /^a test needs .*npm install a-package-that-is-not-there/, cause: Error
  })
})
