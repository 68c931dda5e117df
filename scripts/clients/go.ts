import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { peer } from '../../test/fixtures/peers.js'
import { runProgram } from '../../test/fixtures/run-program.js'
import { fieldsOf, isGiven, isReady, withAccount } from './exchange.js'
import type { Client, Told } from './exchange.js'
import { BASIC_ONLY, DIRECT, GO_HTTP2 } from './reasons.js'

const source = fileURLToPath(new URL('exchanges.go', import.meta.url))

/** How long the process may take, in milliseconds: it is compiled first. */
const ALL_OF_THEM = 180_000

/** Go's net/http, on machines that have Go: half a gigabyte for one client is too much to ask for. */
export function go (t: Test): Client {
  const { path, skip } = peer('go', { go: { packages: ['golang-go'] } }, { PATH: process.env['PATH'] })
  return {
    name: 'Go net/http',
    skip,
    cannot: cell => {
      if (cell.listener === 'h2' && cell.form !== 'origin-form') return GO_HTTP2
      if (isReady(cell)) return undefined
      return cell.form === 'origin-form' ? DIRECT : BASIC_ONLY
    },
    async run (exchanges) {
      const list = exchanges.map(exchange => {
        const { form, proxy, url, ca } = exchange
        const through = isGiven(exchange) ? proxy.origin : withAccount(exchange)
        return { proxy: form === 'origin-form' ? '' : through, fields: isGiven(exchange) ? fieldsOf(exchange) : {}, url: url.href, ca: ca.certFile }
      })
      const { stdout, stderr } = await runProgram(t, path, ['run', source, JSON.stringify(list)], { GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' }, ALL_OF_THEM)
      const lines = stdout.trimEnd().split('\n').map(line => JSON.parse(line || '{}') as Told)
      return exchanges.map((_, index) => lines[index] ?? { served: false, says: stderr })
    }
  }
}
