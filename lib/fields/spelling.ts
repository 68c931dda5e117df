/** What the gate writes, by lower-case name, as the RFC of each writes it. */
export const GATE_FIELDS: ReadonlyMap<string, string> = byName([
  'Proxy-Authenticate', 'Proxy-Authentication-Info', 'WWW-Authenticate', 'Authentication-Info', 'Proxy-Support', 'Proxy-Status'
])

/** All that a response of our own may have, likewise. */
export const OWN_FIELDS: ReadonlyMap<string, string> = new Map([...GATE_FIELDS, ...byName([
  'Allow', 'Cache-Control', 'Connection', 'Content-Encoding', 'Content-Length', 'Content-Type', 'Retry-After'
])])

/** Those and what is added to a response of an origin, likewise. */
export const ADDED_FIELDS: ReadonlyMap<string, string> = new Map([...OWN_FIELDS, ...byName(['Trailer', 'Via'])])

/**
 * Spells a field of ours as its RFC does. Names have no case (RFC 9110, 5.1), but OpenVPN and
 * others look for theirs by its letters.
 *
 * @param name - In lower case, as Fastify keeps it. One that is not ours stays as it is.
 * @example
 * spelled('www-authenticate') // 'WWW-Authenticate'
 * spelled('x-request-id') // 'x-request-id'
 */
export function spelled (name: string): string {
  return ADDED_FIELDS.get(name) ?? name
}

function byName (names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]))
}
