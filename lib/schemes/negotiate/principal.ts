/** A name of Kerberos, taken apart. */
export interface ParsedPrincipal {
  /** `alice@EXAMPLE.ORG`. */
  readonly principal: string
  /** Before the realm, as it is written: `alice`, `HTTP/proxy.example.org`. */
  readonly name: string
  readonly realm: string
}

/**
 * Takes a principal apart, at the last `@` that is not escaped.
 *
 *     principal = component *( "/" component ) "@" realm
 *                 ; with "\" before "@", "/" and "\" in them
 *
 * @returns `undefined` when a name or a realm is missing.
 * @see {@link https://www.rfc-editor.org/rfc/rfc1964#section-2.1.1 RFC 1964, 2.1.1}
 * @example
 * readPrincipal('alice@EXAMPLE.ORG')
 * // { principal: 'alice@EXAMPLE.ORG', name: 'alice', realm: 'EXAMPLE.ORG' }
 */
export function readPrincipal (principal: string): ParsedPrincipal | undefined {
  let at = -1
  for (let i = 0; i < principal.length; i++) {
    if (principal[i] === '\\') i++
    else if (principal[i] === '@') at = i
  }
  if (at < 1 || at === principal.length - 1) return undefined
  return { principal, name: principal.slice(0, at), realm: principal.slice(at + 1) }
}
