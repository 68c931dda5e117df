import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { peer } from '../../test/fixtures/peers.js'
import { runProgram } from '../../test/fixtures/run-program.js'
import { fieldValue, withAccount } from './exchange.js'
import type { Client, Told } from './exchange.js'
import { BASIC_ONLY, DIRECT, NO_TLS, URLLIB_SHA } from './reasons.js'

const source = fileURLToPath(new URL('exchanges.py', import.meta.url))

/** How long the process may take, in milliseconds. */
const ALL_OF_THEM = 180_000

/** Python's two: all exchanges in one process. */
export function python (t: Test): Client[] {
  const { path, skip } = peer('python3-requests')
  const run = (library: 'urllib' | 'requests'): Client['run'] => async exchanges => {
    const list = exchanges.map(exchange => ({
      library,
      scheme: exchange.scheme.token,
      value: fieldValue(exchange) ?? '',
      proxy: exchange.form === 'origin-form' ? null : exchange.proxy.origin,
      account: withAccount(exchange),
      username: exchange.account.username,
      password: exchange.account.password,
      url: exchange.url.href,
      ca: exchange.ca.certFile
    }))
    const { stdout, stderr } = await runProgram(t, path, ['-I', source, JSON.stringify(list)], {}, ALL_OF_THEM)
    const lines = stdout.trimEnd().split('\n').map(line => JSON.parse(line || '{}') as Told)
    return exchanges.map((_, index) => lines[index] ?? { served: false, says: stderr })
  }
  return [
    {
      name: 'Python urllib',
      skip,
      cannot: ({ scheme, form, listener }) => {
        const isReady = scheme.token === 'Basic' || scheme.right.value !== undefined
        if (form === 'origin-form') return isReady ? undefined : DIRECT
        if (listener !== 'plain') return NO_TLS
        if (isReady) return undefined
        if (form === 'CONNECT') return BASIC_ONLY
        if (scheme.token !== 'Digest') return BASIC_ONLY
        return scheme.name === 'Digest MD5' ? undefined : URLLIB_SHA
      },
      run: run('urllib')
    },
    {
      name: 'Python requests',
      skip,
      cannot: ({ scheme, form }) => {
        if (scheme.token === 'Basic' || scheme.right.value !== undefined) return undefined
        return form === 'origin-form' ? DIRECT : BASIC_ONLY
      },
      run: run('requests')
    }
  ]
}
