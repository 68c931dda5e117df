import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { paramsOf } from '../fixtures/digest.js'
import { basic } from '../fixtures/gateway.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'
import { watched } from '../fixtures/watched.js'
import type { Watched } from '../fixtures/watched.js'

const python = peer('python3')
const skip = python.skip

/** Python says nothing of ours then: neither its path nor its environment. */
const program = ['-I', fileURLToPath(new URL('../fixtures/clients/fetch-with-digest.py', import.meta.url))]

async function fetchAll (t: Test, { port, origin }: Watched, times: number, password = 'alice-secret'): Promise<string[]> {
  const url = `http://origin.test:${origin.port}/p?q=1`
  const { stdout, stderr } = await runProgram(t, python.path, [...program, String(port), password, url, String(times)])
  t.equal(stderr, '')
  return stdout.trimEnd().split('\n')
}

t.test('urllib with MD5: it signs the absolute URI and sends its plain name (R-DIG-25, R-DIG-39)', { skip }, async t => {
  const around = await watched(t, { digest: { algorithms: ['MD5'] } })
  t.same(await fetchAll(t, around, 3), ['200', '200', '200'])
  t.same([around.origin.seen.length, around.refused], [3, []])
  const { uri, username } = paramsOf(around.sent.at(-1)!.credentials!)
  t.same([uri, username], [`http://origin.test:${around.origin.port}/p?q=1`, 'alice'])
})

t.test('urllib with a wrong password: it gives up after a few refusals', { skip }, async t => {
  const around = await watched(t, { digest: { algorithms: ['MD5'] } })
  t.match((await fetchAll(t, around, 1, 'wrong'))[0], /^HTTPError (401|407)/)
  t.same(new Set(around.refused.map(({ reason }) => reason)), new Set(['response']))
  t.ok(around.refused.length <= 6)
})

t.test('urllib before 3.14 and SHA-256: it does not know the algorithm', { skip }, async t => {
  const [major, minor] = (await runProgram(t, python.path, ['-I', '-c', 'import sys; print(*sys.version_info[:2])'])).stdout.split(' ').map(Number)
  const around = await watched(t)
  const [line] = await fetchAll(t, around, 1)
  if (major === 3 && minor! < 14) t.match(line, /^ValueError/)
  else t.equal(line, '200')
})

t.test('urllib, which reads one challenge line: it succeeds where Digest stands before Basic', { skip }, async t => {
  const first = await watched(t, { digest: { algorithms: ['MD5'] }, strategies: digest => [digest, basic()] })
  t.same(await fetchAll(t, first, 1), ['200'])
  const second = await watched(t, { digest: { algorithms: ['MD5'] }, strategies: digest => [basic(), digest] })
  t.match(await fetchAll(t, second, 1), [/^HTTPError 407/])
})
