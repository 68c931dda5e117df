import type { Test } from 'tap'
import { NATIVE_TICKETS, inJava, java as program } from '../../test/fixtures/java.js'
import type { JavaClient } from '../../test/fixtures/java.js'
import { fieldsOf, inEnvironments, isGiven, isReady } from './exchange.js'
import type { Cell, Client, Reason } from './exchange.js'
import { BY_TABLE, DIRECT, NO_FIELDS, NO_TLS } from './reasons.js'

/** How long the process may take, in milliseconds. */
const ALL_OF_THEM = 180_000

/** Java's two: all exchanges in one process, or in one for each environment. */
export function java (t: Test): Client[] {
  const make = (name: JavaClient, cannot: (cell: Cell) => Reason | undefined): Client => ({
    name: `Java ${name}`,
    skip: program.skip,
    cannot (cell) {
      if (cell.form === 'origin-form') return isReady(cell) && name === 'HttpURLConnection' ? undefined : DIRECT
      return cell.listener === 'plain' ? cannot(cell) : NO_TLS
    },
    run: inEnvironments(async (exchanges, env) => {
      const fetches = exchanges.map(exchange => {
        const { form, proxy, account: { username, password }, url } = exchange
        return { ...(form !== 'origin-form' && { port: proxy.port }), username, password, ...(isGiven(exchange) && { fields: fieldsOf(exchange) }), url: url.href }
      })
      const said = await inJava(t, name, fetches, { ca: exchanges[0]!.ca, settings: NATIVE_TICKETS, env, time: ALL_OF_THEM })
      return said.map(says => ({ served: says === '200', says }))
    })
  })
  return [
    make('HttpURLConnection', cell => cell.form === 'CONNECT' && isGiven(cell) ? NO_FIELDS : undefined),
    make('HttpClient', cell => {
      if (!isReady(cell)) return BY_TABLE
      return cell.form === 'CONNECT' && cell.scheme.isWide === true ? NO_FIELDS : undefined
    })
  ]
}
