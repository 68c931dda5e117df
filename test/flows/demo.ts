import { networkInterfaces } from 'node:os'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, openssl } from '../fixtures/certificate.js'
import { curl, paste } from '../fixtures/paste.js'
import { startProgram } from '../fixtures/started-program.js'
import type { StartedProgram } from '../fixtures/started-program.js'

const { skip } = curl

/** The lines that the gateway prints: each under a comment that ends with the status it promises, or that of the line before. */
function promised (output: string): Array<{ line: string, status: string }> {
  let status = '200'
  return output.split('\n').flatMap(line => {
    const comment = /^ +# .*?(?:: (\d{3}))?$/.exec(line)
    if (comment !== null) status = comment[1] ?? '200'
    return /^ +curl /.test(line) ? [{ line: line.trim(), status }] : []
  })
}

async function pasteAll (t: Test, program: StartedProgram): Promise<void> {
  await program.said(/--proxy-digest.*\n\n|Bearer alice-token.*\n\n/)
  const lines = promised(program.output())
  t.ok(lines.length >= 6, `${lines.length} lines`)
  for (const { line, status } of lines) t.equal((await paste(t, line)).status, status, line)
}

for (const [name, env] of [['as it is', {}], ['every scheme that a password in a field is enough for', { SCHEMES: 'digest,basic,bearer' }]] as const) {
  t.test(`npm start, ${name}: each printed line does what it says`, { skip }, async t => {
    await pasteAll(t, await startProgram(t, 'demo/gateway.ts', env))
  })
}

const ipv6 = Object.values(networkInterfaces()).flat().some(at => at?.address === '::1')
t.test('npm start on an IPv6 address: each printed line does what it says', { skip: skip || (ipv6 ? false : 'no IPv6 on this machine') }, async t => {
  await pasteAll(t, await startProgram(t, 'demo/gateway.ts', { HOST: '::1' }))
})

t.test('npm start with TLS: each printed line does what it says', { skip: skip || openssl.skip }, async t => {
  const { certFile, keyFile } = certificate(t, 'gateway.test')
  await pasteAll(t, await startProgram(t, 'demo/gateway.ts', { TLS_CERT: certFile, TLS_KEY: keyFile }))
})

t.test('npm start: the status page is where it says, and shows who is there', { skip }, async t => {
  const program = await startProgram(t, 'demo/gateway.ts')
  const [, page] = await program.said(/status page at (http:\/\/127\.0\.0\.1:\d+\/)/)
  t.match(await (await fetch(page!)).text(), /<title>Proxy status<\/title>/)
  const [, authority] = await program.said(/ -i http:\/\/(127\.0\.0\.1:\d+)\/hello/)
  t.equal((await paste(t, `curl -x http://127.0.0.1:${program.port} -U alice:wrong http://${authority!}/hello`)).status, '407')
  t.match(await (await fetch(`${page!}snapshot.json`)).json(), { refusals: [{ kind: 'refused', status: 407 }] })
})
