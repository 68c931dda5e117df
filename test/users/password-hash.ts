import { createRequire } from 'node:module'
import t from 'tap'
import { clearPassword, readPasswordHash } from '../../lib/users/password-hash.js'

// bcrypt: of crypt_blowfish. Argon2: of the reference implementation’s tests. apr1: of Apache's manual. SHA: FIPS 180-2, A.1.
const RIGHT: Array<[kind: string, text: string, password: string]> = [
  ['bcrypt 05', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['bcrypt 05', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['bcrypt 05', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
  ['$argon2id$v=19$m=256,t=2,p=1', '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', 'password'],
  ['$argon2i$v=19$m=256,t=2,p=1', '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8', 'password'],
  ['md5-crypt', '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/', 'myPassword'],
  ['sha1', '{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=', 'abc']
]

for (const [kind, text, password] of RIGHT) {
  t.test(text, async t => {
    const hash = readPasswordHash(text)!
    t.equal(hash.kind, kind)
    t.equal(await hash.verify(password), true)
    for (const wrong of ['', `${password}x`, password.slice(1), password.toUpperCase() === password ? 'x' : password.toUpperCase(), text]) {
      t.equal(await hash.verify(wrong), false)
    }
    const sham = hash.sham()
    t.match(sham, { kind, slow: hash.slow })
    t.equal(await sham.verify(password), false)
    t.match(sham.sham(), { kind })
  })
}

t.test('a hash that occupies a thread or many turns: counts as slow', async t => {
  t.strictSame(RIGHT.map(([, text]) => readPasswordHash(text)!.slow), [true, true, true, true, true, true, false])
})

t.test('a sham hash: costs what the real one costs', async t => {
  const real = readPasswordHash('$2y$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW')!
  const sham = real.sham()
  // Of the processor: what passes by the clock is longer while others have it.
  const time = async (hash: typeof real) => {
    const start = process.cpuUsage()
    await hash.verify('x')
    return process.cpuUsage(start).user / 1000
  }
  await time(real)
  const times = { real: Infinity, sham: Infinity }
  for (let i = 0; i < 5; i++) {
    times.real = Math.min(times.real, await time(real))
    times.sham = Math.min(times.sham, await time(sham))
  }
  t.ok(times.sham > times.real / 2 && times.sham < times.real * 2, `${times.real} ms and ${times.sham} ms`)
})

t.test('text that is none of these hashes: is not read as one', async t => {
  for (const text of [
    '', 'secret', 'kfdUjo/Df2SFw', '$5$salt$hash', '$6$salt$hash', '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2y$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', '$2y$32$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe', '{SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0', '{SSHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=',
    '$apr1$r31......$HqJZimcKQFAMYayBlzkrA/', '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA', '$argon2id$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR',
    ' {SHA}qZk+NkcGgWq6PiVxeFDCbJzQ2J0=', '{sha}qZk+NkcGgWq6PiVxeFDCbJzQ2J0='
  ]) t.equal(readPasswordHash(text), null, text)
})

t.test('a package that is missing: is named in the error (F-37)', async t => {
  const cause = Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' })
  const load = () => { throw cause }
  for (const [index, name] of [[0, '@node-rs/bcrypt'], [3, '@node-rs/argon2']] as const) {
    t.throws(() => readPasswordHash(RIGHT[index]![1], undefined, load), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: new RegExp(`npm install ${name}$`), cause })
  }
  t.ok(readPasswordHash(RIGHT[5]![1], undefined, load), 'nothing is loaded for the others')
  const loaded: string[] = []
  readPasswordHash(RIGHT[0]![1], undefined, name => { loaded.push(name); return createRequire(import.meta.url)(name) })
  t.strictSame(loaded, ['@node-rs/bcrypt'])
})

t.test('a password in the clear: only the same text is right', async t => {
  const hash = clearPassword('s:cret')
  t.match(hash, { kind: 'clear', slow: false })
  t.strictSame([hash.verify('s:cret'), hash.verify('s:cre'), hash.verify(''), hash.sham().verify('s:cret')], [true, false, false, false])
})

t.test('a hash that is dearer than the limits: is not read as one (F-66)', async t => {
  const bcrypt = (cost: string): string => `$2y$${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW`
  const argon2 = (m: number, passes: number, p = 1): string => `$argon2id$v=19$m=${m},t=${passes},p=${p}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4`
  for (const text of [bcrypt('16'), bcrypt('31'), argon2(4_194_304, 2), argon2(8, 9_999_999_999), argon2(4_194_305, 1)]) t.equal(readPasswordHash(text), null, text)
  for (const text of [bcrypt('15'), argon2(2_097_152, 1, 4), argon2(65_536, 3, 4)]) t.ok(readPasswordHash(text), text)
  for (const [m, passes, p] of [[8, 0, 1], [8, 1, 0], [15, 1, 2], [0, 1, 1]] as const) t.equal(readPasswordHash(argon2(m, passes, p)), null, 'RFC 9106, 3.1')
  t.ok(readPasswordHash(bcrypt('16'), { maxBcryptCost: 16, maxArgon2Work: 8 }))
  t.equal(readPasswordHash(argon2(16, 1), { maxBcryptCost: 16, maxArgon2Work: 8 }), null)
})
