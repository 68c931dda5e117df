import { BadOption } from '../../errors.js'
import { badOption } from '../../check-option.js'
import { canonicalHost } from '../target/canonical-host.js'
import type { Parent } from './parent.js'

/** What the URL of a parent proxy says. */
export interface ParentUrl extends Pick<Parent, 'protocol' | 'host' | 'port'> {
  /** `socks5h:` says who resolves; the other schemes do not. */
  readonly resolve: 'parent' | undefined
  /** Decoded, not checked. */
  readonly userinfo: { readonly username: string, readonly password: string } | undefined
}

const WANTED = 'a URL: http://, https:// or socks5://, a host, and :port'
const URL_PARTS = /^([a-z][a-z\d+.-]*):\/\/([^/?#\\\s]*)(.*)$/is
const HOST_AND_PORT = /^(\[[^[\]]*\]|[^:[\]]*)(?::(.*))?$/s
const PORT = /^[1-9]\d{0,4}$/
const PORTS = { http: 80, https: 443, socks5: 1080 } as const

/**
 * Reads the URL of a parent proxy.
 *
 *     parent-url = ( "http" / "https" / "socks5" / "socks5h" ) "://" authority [ "/" ]
 *
 * It is not left to the URL standard's parser: that drops, encodes and guesses where a password is
 * cut off in silence.
 *
 * @param option - What the error calls it. The error tells the defect, never the text.
 * @throws {BadOption} It has a path, a query or a fragment, userinfo that is badly encoded, no
 *   host, or is no URL at all.
 * @see {@link https://www.rfc-editor.org/rfc/rfc3986#section-3.2 RFC 3986, 3.2}
 * @example
 * readParentUrl('http://user:p%40ss@Proxy.example:3128', 'url')
 * // { protocol: 'http', host: 'proxy.example', port: 3128, userinfo: { username: 'user', … } }
 */
export function readParentUrl (text: unknown, option: string): ParentUrl {
  if (typeof text !== 'string') throw badOption(option, WANTED, text)
  const refuse = (defect: string): never => { throw new BadOption(option, WANTED, defect) }
  const [, scheme, authority, rest] = URL_PARTS.exec(text) ?? refuse('text that is no URL')
  const isSocks5h = scheme!.toLowerCase() === 'socks5h'
  const protocol = isSocks5h ? 'socks5' : scheme!.toLowerCase()
  if (!isProtocol(protocol)) return refuse('a URL of another scheme')
  if (rest !== '' && rest !== '/') refuse('a URL with a path, a query, a fragment, a space or a backslash')
  const at = authority!.lastIndexOf('@')
  const [, name, port] = HOST_AND_PORT.exec(authority!.slice(at + 1)) ?? []
  const host = hostOf(name) ?? refuse('a URL with a bad host')
  if (port !== undefined && !(PORT.test(port) && Number(port) < 65_536)) refuse('a URL with a bad port')
  return {
    protocol,
    host,
    port: port === undefined ? PORTS[protocol] : Number(port),
    resolve: isSocks5h ? 'parent' : undefined,
    // An empty one is none, as with an "@" alone.
    userinfo: at < 1 ? undefined : userinfoOf(authority!.slice(0, at)) ?? refuse('a URL with userinfo that is badly percent-encoded')
  }
}

function isProtocol (scheme: string): scheme is Parent['protocol'] {
  return Object.hasOwn(PORTS, scheme)
}

function hostOf (text: string | undefined): string | null {
  try {
    return text === undefined ? null : canonicalHost(text)
  } catch {
    return null
  }
}

function userinfoOf (text: string): { username: string, password: string } | null {
  if (text.includes('@')) return null // it may be anywhere in the password, which would go to the wrong host
  const colon = text.indexOf(':')
  try {
    return {
      username: decodeURIComponent(colon === -1 ? text : text.slice(0, colon)),
      password: colon === -1 ? '' : decodeURIComponent(text.slice(colon + 1))
    }
  } catch {
    return null
  }
}
