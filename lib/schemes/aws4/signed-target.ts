import { readAuthority, parseTarget } from '../../fields/target.js'

/** What of a request-target is signed. */
export interface SignedTarget {
  /** The path as received, without the query; `/` for CONNECT. */
  readonly path: string
  /** The query as received, without its `?`; empty where there is none. */
  readonly query: string
  /** The value that the field `host` counts with. */
  readonly host: string
}

/**
 * Takes a request-target apart for its signature. The three forms of a request sign:
 *
 * | form | path and query | host | | --- | --- | --- | | origin | of the target | the field `Host`
 * | | absolute | of the target | the field `Host`, which must name the host and port of the target
 * | | CONNECT | `/` and nothing | the target itself, `host:port` |
 *
 * So what is signed is always where the request goes.
 *
 * @param method - As received.
 * @param target - As received, one char per octet.
 * @param host - The value of `Host`, or of `:authority`.
 * @returns `undefined` when the target is none, or `Host` names another host.
 * @example
 * readSignedTarget('GET', 'http://origin.test/p?q=1', 'origin.test') // { path: '/p', query: 'q=1', host: 'origin.test' }
 */
export function readSignedTarget (method: string, target: string, host: string | undefined): SignedTarget | undefined {
  try {
    const parsed = parseTarget(method, target)
    if (parsed.form === 'authority') return { path: '/', query: '', host: target }
    if (host === undefined) return undefined
    if (parsed.form === 'asterisk') return { path: '*', query: '', host }
    if (parsed.form === 'absolute') {
      const named = readAuthority(host)
      if (typeof named === 'string' || named.host !== parsed.host) return undefined
      if ((named.port ?? (parsed.scheme === 'http' ? 80 : 443)) !== parsed.port) return undefined
    }
    const mark = parsed.path.indexOf('?')
    return mark === -1
      ? { path: parsed.path, query: '', host }
      : { path: parsed.path.slice(0, mark), query: parsed.path.slice(mark + 1), host }
  } catch {
    return undefined
  }
}
