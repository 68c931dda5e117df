import { BadOption } from '../errors.js'

/**
 * Tells whether a value can be sent as a realm: printable ASCII, as clients take other chars for
 * whatever they like.
 */
export function isRealm (value: unknown): value is string {
  return typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value)
}

/**
 * Insists on a realm that can be sent, so that one that cannot stops the boot and not the first
 * client.
 *
 * @throws {BadOption} It cannot.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.5 RFC 9110, 11.5}
 * @example
 * readRealm('Corporate Proxy') // 'Corporate Proxy'
 */
export function readRealm (realm: unknown): string {
  if (isRealm(realm)) return realm
  throw new BadOption('realm', 'text in printable ASCII', typeof realm === 'string' ? 'text with another char' : realm === null ? 'null' : typeof realm)
}
