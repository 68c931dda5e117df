import type { Test } from 'tap'
import { browsers } from '../../test/fixtures/browsers.js'
import type { Client, Exchange, Told } from './exchange.js'
import { NOT_OVER_HTTP2, NO_TOKENS } from './reasons.js'

/** Each host by a proxy of its own. */
function autoConfiguration (exchanges: readonly Exchange[]): string {
  const proxies = Object.fromEntries(exchanges.map(({ url, proxy }) => [url.hostname, `${proxy.protocol === 'https:' ? 'HTTPS' : 'PROXY'} ${proxy.host}`]))
  const script = `var proxies = ${JSON.stringify(proxies)}; function FindProxyForURL (url, host) { return proxies[host] || 'PROXY 127.0.0.1:9' }`
  return `data:application/x-ns-proxy-autoconfig;base64,${Buffer.from(script).toString('base64')}`
}

/** The browsers: all exchanges in one window after the other. */
export function inBrowsers (t: Test): Client[] {
  return Object.entries(browsers).map(([name, { skip, startConfigured }]): Client => ({
    name,
    skip,
    forms: ['absolute-form', 'CONNECT'],
    cannot: ({ scheme, listener }) => {
      if (scheme.connectionBound === true && listener === 'h2') return NOT_OVER_HTTP2
      return scheme.right.value === undefined ? undefined : NO_TOKENS
    },
    async run (exchanges) {
      // A password that was right once is remembered, so the wrong ones come first.
      const order = [...exchanges].sort((a, b) => Number(a.account === a.scheme.right) - Number(b.account === b.scheme.right))
      const browser = await startConfigured(t, autoConfiguration(exchanges))
      const told = new Map<Exchange, Told>()
      for (const exchange of order) {
        const shown = await browser.visit(exchange.url.href, exchange.account)
        told.set(exchange, { served: shown === 200, says: String(shown) })
      }
      await browser.close()
      return exchanges.map(exchange => told.get(exchange)!)
    }
  }))
}
