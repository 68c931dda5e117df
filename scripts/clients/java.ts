import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { peer } from '../../test/fixtures/peers.js'
import { runProgram } from '../../test/fixtures/run-program.js'
import { fieldValue } from './exchange.js'
import type { Cell, Client, Reason } from './exchange.js'
import { DIRECT, JAVA_BASIC_ONLY, NO_TLS, NO_TOKENS } from './reasons.js'

const source = fileURLToPath(new URL('Exchanges.java', import.meta.url))
// Without it, Java has no Basic for CONNECT (C-35).
const SETTINGS = ['-Djdk.http.auth.tunneling.disabledSchemes=']

/** How long the process may take, in milliseconds. */
const ALL_OF_THEM = 180_000

/** Java's two: all exchanges in one process. */
export function java (t: Test): Client[] {
  const { path, skip } = peer('java')
  const isReady = ({ scheme }: Cell) => scheme.token === 'Basic' || scheme.right.value !== undefined
  const make = (name: 'HttpURLConnection' | 'HttpClient', cannot: (cell: Cell) => Reason | undefined): Client => ({
    name: `Java ${name}`,
    skip,
    cannot (cell) {
      if (cell.form === 'origin-form') return isReady(cell) && name === 'HttpURLConnection' ? undefined : DIRECT
      return cell.listener === 'plain' ? cannot(cell) : NO_TLS
    },
    async run (exchanges) {
      const args = exchanges.flatMap(exchange => {
        const { form, proxy, account, url } = exchange
        const asks = form !== 'origin-form' && account.value === undefined
        return [form === 'origin-form' ? '0' : proxy.port, account.username, account.password, asks ? '' : fieldValue(exchange) ?? '', url.href]
      })
      const { ca } = exchanges[0]!
      const { stdout, stderr } = await runProgram(t, path, [...SETTINGS, source, name, ca.certFile, ...args], {}, ALL_OF_THEM)
      const lines = stdout.trimEnd().split('\n')
      return exchanges.map((_, index) => ({ served: lines[index] === '200', says: lines[index] ?? stderr }))
    }
  })
  return [
    make('HttpURLConnection', ({ scheme, form }) => form === 'CONNECT' && scheme.right.value !== undefined ? NO_TOKENS : undefined),
    make('HttpClient', cell => isReady(cell) ? undefined : JAVA_BASIC_ONLY)
  ]
}
