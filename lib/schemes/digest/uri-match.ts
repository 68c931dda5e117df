import { readAuthority, parseTarget } from '../../fields/target.js'
import type { AbsoluteTarget, RequestTarget } from '../../fields/target.js'

/** What the parameter `uri` is compared with. */
export interface SignedUri {
  readonly method: string
  /** The request-target as the client has sent it. */
  readonly target: string
  /** The value of `Host`. Says nothing where the target has an authority of its own. */
  readonly host: string | undefined
  /** Whether the request came over TLS. False may mean that a hop before us has ended it. */
  readonly encrypted: boolean
}

/**
 * Tells whether `uri` names the resource that the request is for.
 *
 * Clients sign different texts for one request: a proxy gets the absolute URI from some, from most
 * only its path and query. So the two are compared by what they mean: host in any case, the
 * scheme's own port given or not, an empty path as `/`. Path and query are compared octet by octet,
 * because only the origin knows which of their spellings are one. For CONNECT it is host and port,
 * and nothing else.
 *
 * @param uri - One char per octet.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7616#section-3.4.6 RFC 7616, 3.4.6}
 * @example
 * isSignedTarget('/p?q=1', { method: 'GET', target: 'http://origin.test/p?q=1', host: 'origin.test', encrypted: false }) // true
 */
export function isSignedTarget (uri: string, request: SignedUri): boolean {
  const { method, target } = request
  // Nothing is signed for no method: with an empty one, a response is what we say in `rspauth`.
  if (uri === '' || method === '') return false
  if (uri === target) return true
  let signed: RequestTarget
  let asked: RequestTarget
  try {
    signed = parseTarget(method, uri, true) // whatever it is: the target has been checked before
    asked = parseTarget(method, target, true)
  } catch {
    return false
  }
  if (signed.form === 'authority' || asked.form === 'authority') {
    return signed.form === 'authority' && asked.form === 'authority' && isSameAuthority(signed, asked)
  }
  if (pathOf(signed) !== pathOf(asked)) return false
  if (signed.form !== 'absolute') return true
  if (asked.form === 'absolute') return signed.scheme === asked.scheme && isSameAuthority(signed, asked)
  return isOurs(signed, request)
}

type OtherTarget = Exclude<RequestTarget, { form: 'authority' }>

function pathOf (target: OtherTarget): string {
  return target.form === 'asterisk' ? '*' : target.path
}

function isSameAuthority (a: { host: string, port: number }, b: { host: string, port: number }): boolean {
  return a.host === b.host && a.port === b.port
}

// An absolute URI signed for a request in origin-form: we are that host, by the name the client has
// for us.
function isOurs (signed: AbsoluteTarget, { host, encrypted }: SignedUri): boolean {
  const authority = host === undefined ? 'unknown' : readAuthority(host)
  if (typeof authority === 'string' || (encrypted && signed.scheme === 'http')) return false
  return isSameAuthority(signed, { host: authority.host, port: authority.port ?? (signed.scheme === 'http' ? 80 : 443) })
}
