import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { peer } from '../../test/fixtures/peers.js'
import { runProgram } from '../../test/fixtures/run-program.js'
import { fieldsOf, isGiven, isReady, withAccount } from './exchange.js'
import type { Client, Told } from './exchange.js'
import { BASIC_ONLY, BY_TABLE, DIRECT, NO_FIELDS, NO_TLS, NTLM_TUNNEL, URLLIB_SHA } from './reasons.js'

const source = fileURLToPath(new URL('exchanges.py', import.meta.url))

/** How long the process may take, in milliseconds. */
const ALL_OF_THEM = 180_000

/** requests-ntlm takes MD4 from OpenSSL, which has it among what it calls legacy. */
const LEGACY = `openssl_conf = init
[init]
providers = providers
[providers]
default = active
legacy = active
[active]
activate = 1
`

/** Python's: all exchanges in one process. */
export function python (t: Test): Client[] {
  const [requests, ntlm] = [peer('python3-requests'), peer('python3-requests-ntlm')]
  const run = (library: 'urllib' | 'requests' | 'requests-ntlm', env = {}): Client['run'] => async exchanges => {
    const list = exchanges.map(exchange => ({
      library,
      scheme: exchange.scheme.token,
      fields: isGiven(exchange) ? fieldsOf(exchange) : {},
      proxy: exchange.form === 'origin-form' ? null : exchange.proxy.origin,
      account: withAccount(exchange),
      username: exchange.account.username,
      password: exchange.account.password,
      url: exchange.url.href,
      ca: exchange.ca.certFile
    }))
    const { stdout, stderr } = await runProgram(t, requests.path, ['-I', source, JSON.stringify(list)], env, ALL_OF_THEM)
    const lines = stdout.trimEnd().split('\n').map(line => JSON.parse(line || '{}') as Told)
    return exchanges.map((_, index) => lines[index] ?? { served: false, says: stderr })
  }
  return [
    {
      name: 'Python urllib',
      skip: requests.skip,
      cannot: cell => {
        const { scheme, form, listener } = cell
        if (form === 'origin-form') return isReady(cell) ? undefined : DIRECT
        if (listener !== 'plain') return NO_TLS
        if (isReady(cell)) return form === 'CONNECT' && scheme.isWide === true ? NO_FIELDS : undefined
        if (form === 'CONNECT' || scheme.token !== 'Digest') return BY_TABLE
        return scheme.name === 'Digest MD5' ? undefined : URLLIB_SHA
      },
      run: run('urllib')
    },
    {
      name: 'Python requests',
      skip: requests.skip,
      cannot: cell => {
        if (isReady(cell)) return undefined
        return cell.form === 'origin-form' ? DIRECT : BASIC_ONLY
      },
      run: run('requests')
    },
    {
      name: 'Python requests-ntlm',
      skip: ntlm.skip,
      schemes: ['NTLM'],
      cannot: ({ form }) => form === 'CONNECT' ? NTLM_TUNNEL : undefined,
      run: async exchanges => {
        const folder = mkdtempSync(join(tmpdir(), 'openssl-'))
        t.teardown(() => rmSync(folder, { recursive: true, force: true }))
        const file = join(folder, 'openssl.cnf')
        writeFileSync(file, LEGACY)
        return await run('requests-ntlm', { OPENSSL_CONF: file })(exchanges)
      }
    }
  ]
}
