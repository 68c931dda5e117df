import type { FastifyInstance } from 'fastify'
import type { Declared } from '../passport/declaration.js'
import type { Settings } from '../options/settings.js'

/**
 * Writes one line at the start: which schemes are offered, in which forms requests are served,
 * where they may go, and through which parent proxies. Lists of targets are counted, as they may be
 * long; upstreams are left out, as their URLs may hold secrets.
 *
 * @param schemes - Called when the application is ready.
 */
export function summarise (app: FastifyInstance, { realm, forward, reverse }: Settings, schemes: () => ReadonlyArray<Pick<Declared, 'scheme' | 'name'>>): void {
  app.addHook('onReady', async () => {
    const offered = [...new Set(schemes().map(({ scheme, name }) => scheme ?? name))]
    const forms = [
      ...(forward === undefined ? [] : ['absolute-form', 'CONNECT']),
      ...reverse.map(({ prefix = '/' }) => `reverse ${prefix}`),
      'routes with the hook'
    ]
    const parents = forward?.parents?.all.map(({ name }) => name)
    app.log.info({
      proxyAuth: {
        realm,
        schemes: offered,
        forms,
        ...(forward !== undefined && { destinations: destinationsOf(forward.policy) }),
        ...(parents !== undefined && { parents })
      }
    }, 'proxy authentication')
  })
}

function destinationsOf ({ allow, deny = [], special = [] }: NonNullable<Settings['forward']>['policy']): string {
  const allowed = allow === undefined ? 'every public address' : `${allow.length} allowed`
  return `${allowed}, ${deny.length} denied, ${special.length} special`
}
