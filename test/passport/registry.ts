import { Authenticator } from '@fastify/passport'
import passport from 'passport'
import t from 'tap'
import { findStrategy, isStrategy, loadPassport } from '../../lib/passport/registry.js'
import type { Registry } from '../../lib/passport/registry.js'
import { foreign } from '../fixtures/foreign-strategies.js'
import { createPassport } from '../fixtures/passport.js'

const strategy = foreign('jwt', () => {})

t.test('a strategy registered in passport or in @fastify/passport: it is found by its name', async t => {
  t.equal(findStrategy(createPassport().use(strategy), 'jwt'), strategy)
  t.equal(findStrategy(createPassport().use('other', strategy), 'other'), strategy)
  t.equal(findStrategy(new Authenticator().use('jwt', strategy as never), 'jwt'), strategy)
})

t.test('an unknown name, or a registry that is none: the boot fails', async t => {
  const bad = { code: 'FST_PROXY_AUTH_BAD_OPTION' }
  for (const registry of [createPassport(), new Authenticator(), {} as Registry, { strategy: () => ({}) }]) {
    t.throws(() => findStrategy(registry, 'jwt'), bad)
  }
})

t.test('an unknown name: the message lists those there are (F-35, F-41)', async t => {
  const other = new Authenticator()
  for (const registry of [createPassport().use('local', strategy).use('bearer', strategy), other.use('local', strategy as never).use('bearer', strategy as never)]) {
    t.throws(() => findStrategy(registry, 'jwt'), { message: "passport has no strategy 'jwt'; it has: local, bearer" })
  }
  t.throws(() => findStrategy(createPassport(), 'jwt'), { message: "passport has no strategy 'jwt'; it has: none" })
})

t.test('no registry is given: it is the singleton of passport (F-41)', async t => {
  passport.use('of the singleton', strategy)
  t.teardown(() => passport.unuse('of the singleton'))
  t.equal(findStrategy(await loadPassport(), 'of the singleton'), strategy)
})

t.test('a value that cannot authenticate: it is no strategy', async t => {
  t.equal(isStrategy(strategy), true)
  for (const other of [undefined, null, 'jwt', {}, { authenticate: 'x' }]) t.equal(isStrategy(other), false)
})
