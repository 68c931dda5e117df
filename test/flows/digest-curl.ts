import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { DigestAlgorithmName } from '../../lib/schemes/digest/algorithm.js'
import type { DigestOptions, DigestRefusal } from '../../lib/strategies/digest/options.js'
import { paramsOf } from '../fixtures/digest.js'
import { FORMS, message } from '../fixtures/forms.js'
import type { Form } from '../fixtures/forms.js'
import { onlyAuthInt } from '../fixtures/only-auth-int.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'
import { runProgram } from '../fixtures/run-program.js'
import { watched } from '../fixtures/watched.js'
import type { Watched } from '../fixtures/watched.js'

const curl = peer('curl')
const skip = curl.skip

/**
 * What curl is told for a path of the origin. Of itself it answers 407 from a proxy only, and proxies get the absolute
 * form; with `--request-target` it sends that proxy the origin-form of a reverse route.
 */
function targetArgs (form: Form, { origin: { port } }: Watched, path: string): string[] {
  if (form === 'origin-form') return ['--request-target', `/api${path}`, `http://gateway.test/api${path}`]
  return [...(form === 'CONNECT' ? ['--proxytunnel'] : []), `http://origin.test:${port}${path}`]
}

/** Runs curl; each line it prints is the statuses of CONNECT (000 without one) and of the request. */
async function ask (t: Test, around: Watched, args: string[], user = 'alice:alice-secret', proxy = around.url): Promise<string> {
  const all = ['-q', '-sS', '--max-time', '30', '--proxy-digest', '-x', proxy, '-U', user, '-o', '/dev/null', '-w', '%{http_connect} %{http_code}\n']
  return (await runProgram(t, curl.path, [...all, ...args])).stdout
}

const SUCCESS: Record<Form, string> = { 'origin-form': '000 200\n', 'absolute-form': '000 200\n', CONNECT: '200 200\n' }
const REFUSAL: Record<Form, string> = { 'origin-form': '000 407\n', 'absolute-form': '000 407\n', CONNECT: '407 000\n' }
const isAnswered = ({ credentials }: { credentials: string | undefined }) => credentials !== undefined

for (const form of FORMS) {
  t.test(`curl, ${form}`, { skip }, async t => {
    for (const algorithm of ['SHA-256', 'MD5', 'SHA-256-sess', 'MD5-sess'] as DigestAlgorithmName[]) {
      t.test(`${algorithm}, the name hashed and plain (R-DIG-17, R-DIG-38)`, async t => {
        for (const userhash of [true, false]) {
          const around = await watched(t, { digest: { algorithms: [algorithm] }, userhash })
          t.equal(await ask(t, around, targetArgs(form, around, '/p?q=1')), SUCCESS[form])
          const { username, userhash: isHashed, algorithm: used } = paramsOf(around.sent[1]!.credentials!)
          t.equal(used, algorithm)
          t.equal(username !== 'alice', userhash)
          t.equal(isHashed === 'true', userhash)
          t.same([around.sent.length, around.refused, around.origin.seen.map(({ url }) => url)], [2, [], ['/p?q=1']])
        }
      })
    }

    t.test('POST, and 3 MB after an Expect', async t => {
      const around = await watched(t)
      t.equal(await ask(t, around, ['-d', 'some=form', ...targetArgs(form, around, '/form')]), SUCCESS[form])
      const content = randomBytes(3_000_000)
      const folder = t.testdir({ upload: content })
      t.equal(await ask(t, around, ['-T', `${folder}/upload`, ...targetArgs(form, around, '/upload')]), SUCCESS[form])
      const [posted, uploaded] = around.origin.seen
      t.match(posted, { method: 'POST', url: '/form' })
      t.equal(posted?.body.toString(), 'some=form')
      t.match(uploaded, { method: 'PUT', url: '/upload' })
      t.equal(sha(uploaded!.body), sha(content))
      if (form !== 'CONNECT') t.equal(around.sent.filter(({ expect }) => expect === '100-continue').length, 1)
      t.same([around.origin.seen.length, around.refused], [2, []])
    })

    t.test('200 requests, 20 at a time', async t => {
      const around = await watched(t)
      const { port } = around.origin
      const args = {
        'origin-form': [...targetArgs(form, around, '/many').slice(0, -1), 'http://gateway.test/api/many#[1-200]'],
        'absolute-form': targetArgs(form, around, '/many?[1-200]'),
        CONNECT: ['--proxytunnel', `http://origin[1-200].test:${port}/many`] // one host would share a few tunnels
      }[form]
      t.equal(await ask(t, around, ['--parallel', '--parallel-max', '20', ...args]), SUCCESS[form].repeat(200))
      t.same([around.origin.seen.length, around.sent.filter(isAnswered).length, around.refused], [200, 200, []])
    })

    t.test('a wrong password ends at once', async t => {
      const around = await watched(t)
      t.equal(await ask(t, around, targetArgs(form, around, '/'), 'alice:wrong'), REFUSAL[form])
      t.same([around.sent.length, around.refused, around.origin.seen], [2, [{ reason: 'response', username: 'alice' }], []])
    })

    t.test('octets of UTF-8 in the name (R-DIG-40)', async t => {
      for (const userhash of [true, false]) {
        const around = await watched(t, { userhash })
        t.equal(await ask(t, around, targetArgs(form, around, '/'), 'Jäsøn Doe:pässwörd'), SUCCESS[form])
        t.same(around.refused, [])
      }
    })

    t.test('what was captured is refused as stale, and changes nothing for its owner (R-DIG-34)', async t => {
      const around = await watched(t)
      t.equal(await ask(t, around, targetArgs(form, around, '/once')), SUCCESS[form])
      const { credentials } = around.sent.find(isAnswered)!
      const thief = await RawClient.to(t, around.port)
      const authority = `origin.test:${around.origin.port}`
      const replayed = readAnswer(await thief.send(message(form, authority, [`Proxy-Authorization: ${credentials}`], { path: '/once' })).answer())
      t.equal(replayed.status, 407)
      t.match(replayed.fields['proxy-authenticate'], /stale=true/)
      t.same([around.refused, around.origin.seen.length], [[{ reason: 'nc', username: 'alice' }], 1])
      t.equal(await ask(t, around, targetArgs(form, around, '/once')), SUCCESS[form])
    })
  })
}

t.test('curl that follows redirects while nonces age, end or count once: it gets through', { skip }, async t => {
  /** An origin that sends curl from 1 to 2 to 3, so that it keeps what it knows, with something happening in between. */
  const inThree = async (t: Test, digest: Partial<DigestOptions>, between: (around: Watched) => void): Promise<Watched & { heads: string }> => {
    const around = await watched(t, {
      digest,
      answer ({ url }, response) {
        between(around)
        const location = { '/1': '/2', '/2': '/3' }[url!]
        response.writeHead(location === undefined ? 200 : 302, { ...(location !== undefined && { location }) }).end()
      }
    })
    const heads = await ask(t, around, ['-L', '-D', '-', ...targetArgs('absolute-form', around, '/1')])
    t.ok(heads.endsWith(SUCCESS['absolute-form']))
    t.same(around.origin.seen.map(({ url }) => url), ['/1', '/2', '/3'])
    return { ...around, heads }
  }
  const refusals = (count: number, reason: DigestRefusal['reason']) => Array.from({ length: count }, () => ({ reason, username: 'alice' }))

  t.test('the life of a nonce ends, and nobody is asked for a password (R-DIG-16)', async t => {
    const { refused } = await inThree(t, {}, around => around.age(1))
    t.same(refused, refusals(2, 'nonce'))
  })

  t.test('a nonce near its end has a successor, which curl does not take, and goes on (R-DIG-50, R-DIG-51)', async t => {
    const { refused, sent, heads } = await inThree(t, {}, ({ age, origin }) => age(origin.seen.length === 1 ? 0.8 : 0.1))
    t.equal(heads.match(/nextnonce="/g)?.length, 2, 'in the answers at eight and at nine tenths of its life')
    t.same([refused, sent.length], [[], 4])
  })

  t.test('a one-time nonce takes it two requests (R-DIG-50)', async t => {
    const { refused, sent, heads } = await inThree(t, { oneTimeNonces: true }, () => {})
    t.equal(heads.match(/nextnonce="/g)?.length, 3)
    t.same([refused, sent.length], [refusals(2, 'nc'), 6])
  })
})

t.test('SHA-512-256, which has to be named: curl before 8.7 computes another hash, and is refused (R-DIG-11)', { skip }, async t => {
  const [, major, minor] = /^curl (\d+)\.(\d+)/.exec((await runProgram(t, curl.path, ['-q', '--version'])).stdout)!.map(Number)
  const isRight = major! > 8 || (major === 8 && minor! >= 7)
  for (const [digest, algorithm, statuses] of [
    [{}, 'SHA-256', SUCCESS], [{ algorithms: ['SHA-512-256'] }, 'SHA-512-256', isRight ? SUCCESS : REFUSAL]
  ] as Array<[Partial<DigestOptions>, string, typeof SUCCESS]>) {
    const around = await watched(t, { digest })
    t.equal(await ask(t, around, targetArgs('absolute-form', around, '/')), statuses['absolute-form'])
    t.equal(paramsOf(around.sent[1]!.credentials!).algorithm, algorithm)
  }
})

t.test('curl that is asked for auth-int alone: it signs no content, so that a POST is refused (R-DIG-18, R-DIG-46)', { skip }, async t => {
  const around = await watched(t, { digest: { qop: ['auth', 'auth-int'] } })
  t.equal(await ask(t, around, ['-d', 'some=form', ...targetArgs('absolute-form', around, '/')]), SUCCESS['absolute-form'])
  t.equal(paramsOf(around.sent[1]!.credentials!).qop, 'auth', 'of both it takes auth')
  const relay = `http://127.0.0.1:${await onlyAuthInt(t, around.port)}`
  t.equal(await ask(t, around, targetArgs('absolute-form', around, '/'), undefined, relay), SUCCESS['absolute-form'])
  t.equal(paramsOf(around.sent[3]!.credentials!).qop, 'auth-int')
  t.equal(await ask(t, around, ['-d', 'some=form', ...targetArgs('absolute-form', around, '/')], undefined, relay), REFUSAL['absolute-form'])
})

function sha (octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex')
}
