import { MalformedField } from '../errors.js'
import { readAuthority } from './target.js'

/**
 * Reads the value of `Host`.
 *
 *     Host = uri-host [ ":" port ]
 *
 * @returns The host in lower case, without trailing dot or brackets, and the port where one is
 *   given.
 * @throws {MalformedField} It is empty, or not a host and a port.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.2 RFC 9110, 7.2}
 * @example
 * parseHostField('Gw.test:8080') // { host: 'gw.test', port: 8080 }
 */
export function parseHostField (value: string): { host: string, port?: number } {
  const authority = readAuthority(value)
  if (typeof authority === 'string') throw new MalformedField('Host', 0)
  const { host, port } = authority
  return port === undefined ? { host } : { host, port }
}
