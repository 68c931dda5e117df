import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { NtlmHelper, unavailable } from '../../../lib/strategies/ntlm/helper.js'
import { until } from '../../fixtures/until.js'

const UNAVAILABLE = { message: /^the NTLM helper: /, statusCode: 503 }
const PROGRAM = fileURLToPath(new URL('../../fixtures/ntlm-helper.mjs', import.meta.url))

function helper (t: Test, mode: string, timeout = 30_000) {
  let gone = 0
  const self = new NtlmHelper(process.execPath, [PROGRAM, mode], timeout, () => { gone += 1 })
  t.teardown(() => self.end())
  return { self, gone: () => gone }
}

t.test('a line to the helper: gets one line back', async t => {
  const { self, gone } = helper(t, 'works')
  t.notOk(self.works)
  const answer = self.ask('YR AAAA')
  t.ok(self.busy)
  t.match(await answer, /^TT /)
  t.notOk(self.busy)
  t.ok(self.works)
  t.match(await self.ask('KK AAAA'), /^NA /)
  self.end()
  self.end()
  t.equal(gone(), 1)
  t.ok(self.ended)
  await t.rejects(self.ask('YR AAAA'), UNAVAILABLE)
})

for (const mode of ['dies', 'talks', 'twice', 'endless']) {
  t.test(`one that ${mode === 'twice' ? 'answers twice' : mode === 'endless' ? 'says too much' : mode} is gone`, async t => {
    const { self, gone } = helper(t, mode)
    await self.ask('YR AAAA').catch(() => {}) // a line too many may come before or behind the answer
    await until(() => gone() === 1)
    await t.rejects(self.ask('YR AAAA'), UNAVAILABLE)
    t.equal(gone(), 1)
  })
}

t.test('a helper that gives no reply in time: is gone', async t => {
  const { self, gone } = helper(t, 'silent', 20)
  await t.rejects(self.ask('YR AAAA'), UNAVAILABLE)
  t.equal(gone(), 1)
})

t.test('a helper that does not exist: is unavailable', async t => {
  const self = new NtlmHelper('/nonexistent', [], 30_000, () => {})
  await t.rejects(self.ask('YR AAAA'), UNAVAILABLE)
})

t.test('the error of a helper: says nothing but a reason of ours', async t => t.equal(unavailable('x').message, 'the NTLM helper: x'))
