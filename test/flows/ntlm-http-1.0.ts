import t from 'tap'
import { NtlmStrategy, lookupStatic } from '../../lib/index.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { curl } from '../fixtures/curl.js'
import { gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { readAnswer } from '../fixtures/read-answer.js'

const { lookup } = lookupStatic({ alice: 'alice-secret' })
const FIRST = negotiate()
const KEEP = 'Proxy-Connection: Keep-Alive\r\n'

t.test('NTLM over a CONNECT of HTTP/1.0: served where it asks to keep the connection, else refused with the reason (F-8)', async t => {
  const { authority } = await origin(t)
  const { port, logged } = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true })
  const connect = (token: string, fields = KEEP) => `CONNECT ${authority} HTTP/1.0\r\n${fields}Proxy-Authorization: NTLM ${token}\r\n\r\n`
  for (const password of ['alice-secret', 'wrong']) {
    const client = await RawClient.to(t, port)
    const asked = await client.send(connect(FIRST)).answer()
    t.match(readAnswer(asked), { status: 407, fields: { connection: 'keep-alive' } })
    const token = /\r\nProxy-Authenticate: NTLM (\S+)\r\n/i.exec(asked)![1]!
    const last = readAnswer(await client.send(connect(authenticate(token, FIRST, { password }))).answer())
    if (password === 'wrong') t.match(last, { status: 407, fields: { connection: 'close' } })
    else {
      t.equal(last.status, 200)
      t.match(await client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').end(), /origin$/)
    }
  }
  for (const fields of ['', 'Proxy-Connection: close\r\n', 'Connection: keep-alive\r\n', `${KEEP}Via: 1.1 edge\r\n`]) {
    const client = await RawClient.to(t, port)
    t.match(await client.send(connect(FIRST, fields)).end(), /^HTTP\/1\.1 403 [^]*not served over HTTP\/1\.0/, fields)
  }
  await logged(({ refusal }) => (refusal as Record<string, unknown> | undefined)?.['reason'] === 'version')
})

t.test('curl --proxy1.0 --proxy-ntlm: gets its tunnel (F-8)', { skip: curl.skip }, async t => {
  const { url } = await origin(t)
  const { port } = await gateway(t, { strategies: [new NtlmStrategy({ lookup })], connectionBound: true })
  const { execFile } = await import('node:child_process')
  const args = ['-sS', '-m', '20', '--proxy1.0', `127.0.0.1:${port}`, '--proxy-ntlm', '-U', 'alice:alice-secret', '-p', url]
  const text = await new Promise((resolve, reject) => { execFile('curl', args, (error, stdout) => { if (error) reject(error); else resolve(stdout) }) })
  t.equal(text, 'origin')
})
