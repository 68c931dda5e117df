import type { Test } from 'tap'
import { byHost } from '../../test/fixtures/auto-configuration.js'
import { browsers } from '../../test/fixtures/browsers.js'
import { inEnvironments, isGiven } from './exchange.js'
import type { Client, Exchange, Told } from './exchange.js'
import { NOT_OVER_HTTP2, NO_FIELDS } from './reasons.js'

/** As an auto-configuration names it. */
const named = ({ protocol, host }: URL): string => `${protocol === 'https:' ? 'HTTPS' : 'PROXY'} ${host}`

/** The browsers: all exchanges in one window after the other. */
export function inBrowsers (t: Test): Client[] {
  return Object.entries(browsers).map(([name, { skip, startConfigured }]): Client => ({
    name,
    skip,
    forms: ['absolute-form', 'CONNECT'],
    cannot: cell => {
      if (cell.scheme.connectionBound === true && cell.listener === 'h2') return NOT_OVER_HTTP2
      return isGiven(cell) ? NO_FIELDS : undefined
    },
    run: inEnvironments(async (exchanges, env) => {
      // A password that was right once is remembered, so the wrong ones come first.
      const order = [...exchanges].sort((a, b) => Number(a.account === a.scheme.right) - Number(b.account === b.scheme.right))
      const browser = await startConfigured(t, byHost(Object.fromEntries(exchanges.map(({ url, proxy }) => [url.hostname, named(proxy)]))), env)
      const told = new Map<Exchange, Told>()
      // Chromium looks for the system's tickets when it has been asked for one, but shows the page that asked.
      const first = order.find(({ account }) => account.env !== undefined)
      if (first !== undefined) await browser.visit(first.url.href, first.account)
      for (const exchange of order) {
        const shown = await browser.visit(exchange.url.href, exchange.account)
        told.set(exchange, { served: shown === 200, says: String(shown) })
      }
      await browser.close()
      return exchanges.map(exchange => told.get(exchange)!)
    })
  }))
}
