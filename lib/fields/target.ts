import { isIPv6 } from 'node:net'
import { BadTarget } from '../errors.js'

// The target of a request in its four forms, and the authority that is in it, and in `Host`.

/** A host and, where one is given, a port. */
export interface Authority {
  /**
   * Lower case, no trailing dot, IPv6 without brackets. Number spellings of IPv4 stay what they
   * are.
   */
  readonly host: string
  /** 1 to 65535. Undefined where the text has none. */
  readonly port: number | undefined
  /** The host as it goes on the wire: lower case, IPv6 in brackets, a trailing dot kept. */
  readonly wireHost: string
}

const NO_HOST_CHAR = /[^a-z0-9._-]/
const NO_DIGIT = /[^0-9]/
const MAX_HOST_LENGTH = 253

/**
 * Reads `host` or `host:port`. Stricter than a URI: names hold letters, digits, `-`, `_` and `.`
 * only (no percent-encoding, no octets beyond ASCII, so no two readers can see two names),
 * addresses no zone, ports no leading zero.
 *
 *     authority = uri-host [ ":" port ]
 *
 * @returns The authority, or what is wrong with it in our words: fit for an error message.
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986#section-3.2 RFC 3986, 3.2}
 * @example
 * readAuthority('[2001:DB8::1]:443')
 * // { host: '2001:db8::1', port: 443, wireHost: '[2001:db8::1]' }
 */
export function readAuthority (text: string): Authority | string {
  if (text.includes('@')) return 'userinfo is not allowed'
  const colon = text.startsWith('[') ? text.indexOf(']') + 1 : text.indexOf(':')
  const wireHost = (colon === -1 ? text : text.slice(0, colon)).toLowerCase()
  const rest = colon === -1 ? '' : text.slice(colon)
  const host = wireHost.startsWith('[') ? readIPv6(wireHost) : readName(wireHost)
  if (host === undefined) return 'the host is not valid'
  if (rest === '' || rest === ':') return { host, port: undefined, wireHost }
  const port = Number(rest.slice(1))
  if (!rest.startsWith(':') || NO_DIGIT.test(rest.slice(1)) || rest.startsWith(':0') || rest.length > 6 || port > 65535) {
    return 'the port is not valid'
  }
  return { host, port, wireHost }
}

/**
 * Writes an authority: IPv6 in brackets, the port left out where it is the default one. What is
 * written of a `wireHost` is read as the same authority again, a trailing dot included.
 *
 * @param host - A name or an address, IPv6 with or without brackets.
 * @param defaultPort - Of the scheme. Left out, the port is always written.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-4.2.3 RFC 9110, 4.2.3}
 * @example
 * formatAuthority('2001:db8::1', 8080, 80) // '[2001:db8::1]:8080'
 */
export function formatAuthority (host: string, port: number, defaultPort?: number): string {
  const wireHost = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  return port === defaultPort ? wireHost : `${wireHost}:${port}`
}

/** `GET /where?q=now`: a path and query on this server. */
export interface OriginTarget {
  readonly form: 'origin'
  /** Path and query as received. */
  readonly path: string
}

/** `GET http://host/path`: what a client sends to a proxy. */
export interface AbsoluteTarget {
  readonly form: 'absolute'
  readonly scheme: 'http' | 'https'
  /**
   * Lower case, no trailing dot, IPv6 without brackets. Number spellings of IPv4 stay what they
   * are.
   */
  readonly host: string
  /** 1 to 65535; the scheme's where none was given. */
  readonly port: number
  /**
   * The Host field to send: lower case, the scheme's port left out, IPv6 in brackets, a trailing
   * dot kept.
   */
  readonly authority: string
  /**
   * Path and query as received; `/` for an empty path; `*` for OPTIONS with neither path nor query.
   */
  readonly path: string
}

/** `CONNECT host:port`: the other end of a tunnel. */
export interface AuthorityTarget {
  readonly form: 'authority'
  /** As in {@link AbsoluteTarget}. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** `host:port`, the port always there. */
  readonly authority: string
}

/** `OPTIONS *`: this server as a whole. */
export interface AsteriskTarget {
  readonly form: 'asterisk'
}

/** A request-target in one of its four forms. */
export type RequestTarget = OriginTarget | AbsoluteTarget | AuthorityTarget | AsteriskTarget

const SLASH = 0x2f
const BACKSLASH = 0x5c
const ASTERISK: AsteriskTarget = { form: 'asterisk' }
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i
/** The schemes of WebSockets, and those by which the handshake is sent. */
const OF_WEB_SOCKETS: Readonly<Partial<Record<string, string>>> = { ws: 'http', wss: 'https' }
const END_OF_AUTHORITY = /[/?#\\]/
const NO_TARGET_CHAR = /[^\x21-\x7e\x80-\xff]|#/

/**
 * Reads a request-target, in the form that the method allows.
 *
 *     request-target = origin-form / absolute-form / authority-form / asterisk-form
 *
 * Path and query stay as they came, whatever they mean to the origin, raw octets beyond ASCII
 * included.
 *
 * @param method - CONNECT takes the authority-form and nothing else, the asterisk-form goes with
 *   OPTIONS only.
 * @param target - As received, one char per octet.
 * @param upgrades - The request is an upgrade, for which some clients write `ws` and `wss` (RFC
 *   6455, 3). They stand for http and https. Default false.
 * @throws {BadTarget} It has another form, a scheme other than http and https, userinfo, a
 *   fragment, a host or port that is not valid, CONNECT has no port, or there is whitespace, a
 *   control char, or a backslash that ends the authority.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-3.2 RFC 9112, 3.2}
 * @example
 * parseTarget('GET', 'http://Origin.test?x')
 * // {
 * //   form: 'absolute', scheme: 'http', host: 'origin.test', port: 80,
 * //   authority: 'origin.test', path: '/?x'
 * // }
 */
export function parseTarget (method: string, target: string, upgrades = false): RequestTarget {
  if (method === 'CONNECT') return parseAuthorityForm(target)
  if (target.charCodeAt(0) === SLASH) {
    checkPath(target)
    return { form: 'origin', path: target }
  }
  if (target === '*') {
    if (method !== 'OPTIONS') throw new BadTarget('the asterisk-form goes with OPTIONS only')
    return ASTERISK
  }
  return parseAbsoluteForm(method, target, upgrades)
}

/**
 * Takes userinfo out of a request-target, so that it can be logged. Goes by the text alone and
 * works on any, malformed ones first of all; one without userinfo comes back as it is.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-4.2.4 RFC 9110, 4.2.4}
 * @example
 * withoutUserinfo('http://u:p@origin.test/') // 'http://origin.test/'
 */
export function withoutUserinfo (target: string): string {
  if (target.charCodeAt(0) === SLASH || !target.includes('@')) return target
  const start = SCHEME.exec(target)?.[0].length ?? 0
  const rest = target.slice(start)
  return target.slice(0, start) + rest.slice(rest.lastIndexOf('@', endOfUserinfo(rest, start !== 0) - 1) + 1)
}

/**
 * Finds where userinfo may reach to at most. Without "scheme://" no "@" is legitimate. With it, one
 * in the path is, unless the authority before it makes no sense: then a password with a raw "/" or
 * "?" has ended it too soon.
 */
function endOfUserinfo (rest: string, hasScheme: boolean): number {
  const length = hasScheme ? rest.search(END_OF_AUTHORITY) : -1
  if (length === -1) return rest.length
  const authority = rest.slice(0, length)
  return typeof readAuthority(authority.slice(authority.lastIndexOf('@') + 1)) === 'string' ? rest.length : length
}

function parseAuthorityForm (target: string): AuthorityTarget {
  const authority = readAuthority(target)
  if (typeof authority === 'string') throw new BadTarget(authority)
  const { host, port, wireHost } = authority
  if (port === undefined) throw new BadTarget('CONNECT takes host:port')
  return { form: 'authority', host, port, authority: formatAuthority(wireHost, port) }
}

function parseAbsoluteForm (method: string, target: string, upgrades: boolean): AbsoluteTarget {
  const prefix = SCHEME.exec(target)
  if (prefix === null) throw new BadTarget('the form is not one this method takes')
  const written = prefix[1]!.toLowerCase()
  const scheme = upgrades ? OF_WEB_SOCKETS[written] ?? written : written
  if (scheme !== 'http' && scheme !== 'https') throw new BadTarget('the scheme is not served')
  const rest = target.slice(prefix[0].length)
  const length = rest.search(END_OF_AUTHORITY)
  const authority = readAuthority(length === -1 ? rest : rest.slice(0, length))
  if (typeof authority === 'string') throw new BadTarget(authority)

  const { host, wireHost } = authority
  const defaultPort = scheme === 'http' ? 80 : 443
  const port = authority.port ?? defaultPort
  let path = length === -1 ? '' : rest.slice(length)
  if (path === '') path = method === 'OPTIONS' ? '*' : '/'
  else if (path.charCodeAt(0) === BACKSLASH) throw new BadTarget('a backslash ends the authority') // for some, for others not
  else if (path.charCodeAt(0) !== SLASH) path = `/${path}`
  checkPath(path)
  return { form: 'absolute', scheme, host, port, authority: formatAuthority(wireHost, port, defaultPort), path }
}

// Backslashes stay: browsers send them in queries, and the origin is to say what one means.
function checkPath (path: string): void {
  if (NO_TARGET_CHAR.test(path)) throw new BadTarget('it has a fragment, whitespace or a control char')
}

function readName (text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text
  if (name === '' || name.length > MAX_HOST_LENGTH || NO_HOST_CHAR.test(name)) return undefined
  return name.startsWith('.') || name.endsWith('.') || name.includes('..') ? undefined : name
}

// isIPv6 takes a zone identifier, which means something on one machine only.
function readIPv6 (text: string): string | undefined {
  const address = text.slice(1, -1)
  return text.endsWith(']') && isIPv6(address) && !address.includes('%') ? address : undefined
}
