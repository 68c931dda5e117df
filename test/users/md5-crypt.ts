import t from 'tap'
import { md5Crypt } from '../../lib/users/md5-crypt.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const openssl = peer('openssl')

t.test('the example of the manual of Apache: has the hash given there', async t => {
  t.equal(await md5Crypt('myPassword', 'r31.....', '$apr1$'), 'HqJZimcKQFAMYayBlzkrA/')
})

t.test('passwords of any length: are hashed as openssl does', { skip: openssl.skip }, async t => {
  for (const [option, magic] of [['-apr1', '$apr1$'], ['-1', '$1$']] as const) {
    for (const password of ['a', 'secret', 'p\u00e4\u00a7s\u20ac', 'x'.repeat(15), 'x'.repeat(16), 'x'.repeat(17), 'x'.repeat(200)]) {
      for (const salt of ['abcdefgh', 'x']) {
        const { stdout } = await runProgram(t, openssl.path, ['passwd', option, '-salt', salt, password])
        t.equal(`${magic}${salt}$${await md5Crypt(password, salt, magic)}`, stdout.trim(), `${password.length} ${salt}`)
      }
    }
  }
})

t.test('a long salt, and an empty password: eight octets of the salt count, and the password is valid', async t => {
  t.equal(await md5Crypt('x', 'abcdefgh', '$1$'), await md5Crypt('x', 'abcdefghij', '$1$'))
  t.match(await md5Crypt('', '', '$1$'), /^[./A-Za-z0-9]{22}$/)
})

t.test('a hash that is being computed: other work goes on in between', async t => {
  let turns = 0
  const count = (): void => { turns++; counting = setImmediate(count) }
  let counting = setImmediate(count)
  await md5Crypt('x', 'y', '$1$')
  clearImmediate(counting)
  t.ok(turns >= 10, `${turns}`)
})
