import t from 'tap'
import { tellOfSession } from '../../../lib/proxy/forward/session-based.js'

const CHALLENGE = ['X', '1', 'WWW-Authenticate', 'Basic, NTLM']
const told = (fields: string[], status = 401, raw: object = { httpVersion: '1.1', headers: {}, socket: {} }) => {
  return tellOfSession([...fields], status, { raw: { shouldKeepAlive: true }, request: { raw } } as never)
}

t.test('an origin asks to authenticate the connection: the client learns that its own will do (R-PSUP-1)', async t => {
  t.strictSame(told(CHALLENGE), [...CHALLENGE, 'Proxy-Support', 'Session-Based-Authentication', 'Connection', 'Proxy-Support'])
})

t.test('any other response: it stays as it is', async t => {
  t.strictSame(told(CHALLENGE, 200), CHALLENGE)
  t.strictSame(told(['WWW-Authenticate', 'Basic realm="NTLM"']), ['WWW-Authenticate', 'Basic realm="NTLM"'])
  t.strictSame(told(CHALLENGE, 401, { httpVersion: '1.1', headers: { via: '1.1 a' }, socket: {} }), CHALLENGE)
})
