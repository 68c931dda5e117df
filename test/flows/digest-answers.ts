import { createHash } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { closedPort } from '../fixtures/closed-port.js'
import { DigestSession, uriOf } from '../fixtures/digest-session.js'
import { paramsOf } from '../fixtures/digest.js'
import { FORMS, surroundings } from '../fixtures/forms.js'
import type { Form, Surroundings } from '../fixtures/forms.js'
import type { WholeAnswer } from '../fixtures/whole-answer.js'

const around = async (t: Test, upstream?: string): Promise<Surroundings> => await surroundings(t, {
  strategies: [new DigestStrategy({ lookup: username => username === 'alice' ? { password: 'alice-secret' } : null })],
  ...(upstream !== undefined && { reverse: [{ prefix: '/api', upstream }] })
}, (request, response) => { response.writeHead(Number(request.url?.slice(1)) || 200, { 'Proxy-Authentication-Info': 'of="upstream"' }).end() })

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

/** What RFC 7616, 3.5 wants of the answer to these credentials, computed without any code of the library. */
function expectedInfo (credentials: string): string {
  const { nonce, nc, cnonce, uri } = paramsOf(credentials)
  const key = sha256('alice:Gateway:alice-secret')
  return `qop=auth, rspauth="${sha256(`${key}:${nonce}:${nc}:${cnonce}:auth:${sha256(`:${uri}`)}`)}", cnonce="${cnonce}", nc=${nc}`
}

/** The lines of the field, as they came. */
const linesOf = ({ headers, rawHeaders }: WholeAnswer): string[] => {
  const lines = rawHeaders.flatMap((name, i) => i % 2 === 0 && name.toLowerCase() === 'proxy-authentication-info' ? [rawHeaders[i + 1]!] : [])
  return rawHeaders.length > 0 ? lines : [headers['proxy-authentication-info'] ?? []].flat()
}

async function withAuthority (t: Test, form: Form, authority: string, upstream?: string): Promise<DigestSession> {
  const surrounded = await around(t, upstream)
  return await DigestSession.start(t, { ...surrounded, origin: { ...surrounded.origin, authority } }, form)
}

for (const form of FORMS) {
  t.test(`${form}: the complete set, octet for octet, once, whatever the status, and not with a 407 (R-PAI-2, R-PAI-3, R-PAI-4, R-PAI-5, R-PAI-6, R-PAI-7, R-PAI-9, R-PAI-10, R-PAI-11)`, async t => {
    const session = await DigestSession.start(t, await around(t), form)
    for (const [path, status] of form === 'CONNECT' ? [['/', 200]] as const : [['/', 200], ['/404', 404], ['/500', 500], ['/401', 401]] as const) {
      for (const gap of [0, 0x2a]) {
        session.nc += gap
        const answer = await session.send(path, { qop: 'auth' })
        t.equal(answer.status, status)
        t.same(linesOf(answer), [expectedInfo(session.signed.credentials)])
      }
    }
    const replayed = await session.send('/', { qop: 'auth', nc: session.nc })
    t.same([replayed.status, linesOf(replayed)], [407, []])
    const wrong = await session.send('/', { qop: 'auth', password: 'wrong' })
    t.same([wrong.status, linesOf(wrong)], [407, []])
  })

  t.test(`${form}: with our own refusals as well (R-PAI-2)`, async t => {
    const closed = await closedPort()
    const session = await withAuthority(t, form, `127.0.0.1:${closed}`, `http://127.0.0.1:${closed}`)
    const failed = await session.send('/', { qop: 'auth' })
    t.same([failed.status, linesOf(failed)], [502, [expectedInfo(session.signed.credentials)]])
    if (form === 'origin-form') return
    const denied = await withAuthority(t, form, '10.0.0.1:443')
    const answer = await denied.send('/', { qop: 'auth' })
    t.same([answer.status, linesOf(answer)], [403, [expectedInfo(denied.signed.credentials)]])
  })

  t.test(`${form}: answers on one nonce at a time each have their own count and cnonce (R-PAI-7)`, async t => {
    const surrounded = await around(t)
    const session = await DigestSession.start(t, surrounded, form)
    const answers = await Promise.all(Array.from({ length: 20 }, async () => {
      const sending = session.send('/', { qop: 'auth', uri: uriOf(form, surrounded, '/') })
      const { credentials } = session.signed
      return [linesOf(await sending), [expectedInfo(credentials)]]
    }))
    for (const [said, expected] of answers) t.same(said, expected)
    t.equal(new Set(answers.map(([said]) => String(said))).size, 20)
  })
}
