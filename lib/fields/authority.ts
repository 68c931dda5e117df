import { isIPv6 } from 'node:net'

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
