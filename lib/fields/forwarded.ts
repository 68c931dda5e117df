import { isIP } from 'node:net'
import { NotRepresentable } from '../errors.js'
import { isToken } from './grammar.js'
import { quote } from './quoted-string.js'

/** What one hop says about the request it received. */
export interface ForwardedElement {
  /** Who sent it: an IP address without brackets, `unknown`, or a name that starts with `_`. */
  readonly for?: string
  /** Where it came in: as `for`. */
  readonly by?: string
  /** The `Host` it had. */
  readonly host?: string
  /** The scheme it came by. */
  readonly proto?: string
}

const OBFUSCATED = /^(?:unknown|_[A-Za-z0-9._-]+)$/
const PROTO = /^[a-z][a-z0-9+.-]*$/i

/**
 * Writes one element of `Forwarded`, to be appended last.
 *
 *     forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
 *     node              = nodename [ ":" node-port ]
 *
 * @returns The element; IPv6 addresses in brackets and quoted, without a zone. Empty text when
 *   `element` is.
 * @throws {NotRepresentable} `for` or `by` is no node, `proto` is no scheme, or `host` has a char
 *   that cannot be sent.
 * @see {@link https://www.rfc-editor.org/rfc/rfc7239#section-4 RFC 7239, 4}
 * @example
 * formatForwarded({ for: '2001:db8::1', proto: 'http' }) // 'for="[2001:db8::1]";proto=http'
 */
export function formatForwarded ({ for: sender, by, host, proto }: ForwardedElement): string {
  if (proto !== undefined && !PROTO.test(proto)) throw new NotRepresentable(0)
  const pairs = pair('for', sender === undefined ? undefined : node(sender)) +
    pair('by', by === undefined ? undefined : node(by)) + pair('host', host) + pair('proto', proto)
  return pairs.slice(1)
}

function pair (name: string, value: string | undefined): string {
  return value === undefined ? '' : `;${name}=${isToken(value) ? value : quote(value)}`
}

function node (text: string): string {
  const zone = text.indexOf('%')
  const family = isIP(text)
  if (family === 6) return `[${zone === -1 ? text : text.slice(0, zone)}]`
  if (family === 0 && !OBFUSCATED.test(text)) throw new NotRepresentable(0)
  return text
}
