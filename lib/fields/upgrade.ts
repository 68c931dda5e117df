import { MAX_MEMBERS, endOfToken, skipOws } from './grammar.js'

const SLASH = 0x2f

/**
 * Other versions of HTTP. Who wants one from us gets it by ALPN, and the origin's are not the
 * client's to choose.
 */
const HTTP = /^(?:h2c?|http)(?:\/|$)/i

/**
 * Reads the protocols that an `Upgrade` field names, but for those that are HTTP again: an offer of
 * `h2c` is ignored, and never goes on (RFC 9113, 3.1).
 *
 *     Upgrade          = #protocol
 *     protocol         = protocol-name [ "/" protocol-version ]
 *     protocol-name    = token
 *     protocol-version = token
 *
 * @param value - The lines joined, as node has them.
 * @returns The protocols as written; of one field the first 128. What is no protocol is skipped.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.8 RFC 9110, 7.8}
 * @example
 * upgradeProtocols('h2c, websocket') // ['websocket']
 */
export function upgradeProtocols (value = ''): string[] {
  const protocols: string[] = []
  for (let at = 0, members = 0; at < value.length && members < MAX_MEMBERS; members++) {
    const comma = value.indexOf(',', at)
    const next = comma === -1 ? value.length : comma
    const start = skipOws(value, at)
    const end = endOfProtocol(value, start)
    const protocol = value.slice(start, end)
    if (end > start && skipOws(value, end) === next && !HTTP.test(protocol)) protocols.push(protocol)
    at = next + 1
  }
  return protocols
}

/**
 * Reads the protocols that an answer's `Upgrade` accepts.
 *
 * @param offered - Of {@link upgradeProtocols}.
 * @returns None unless it names something, and nothing but what was offered.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.8 RFC 9110, 7.8}
 * @example
 * acceptedProtocols('WebSocket', ['websocket']) // ['WebSocket']
 */
export function acceptedProtocols (value: string | undefined, offered: readonly string[]): string[] {
  const names = offered.map((protocol) => protocol.toLowerCase())
  const accepted = upgradeProtocols(value)
  return accepted.every((protocol) => names.includes(protocol.toLowerCase())) ? accepted : []
}

function endOfProtocol (text: string, at: number): number {
  const name = endOfToken(text, at)
  if (name === at || text.charCodeAt(name) !== SLASH) return name
  const version = endOfToken(text, name + 1)
  return version === name + 1 ? name : version
}
