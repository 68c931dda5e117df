/** What is to be known of a scheme wherever its credentials are handled. */
export interface SchemeTraits {
  /** In the case in which it is registered; `null` for a scheme that no row is about. */
  readonly name: string | null
  /**
   * It authenticates the connection and not the request. It needs all its legs, and what comes
   * after, on one connection of one client, which neither HTTP/2 nor HTTP/1.0 gives it; and its
   * first challenge is the bare name (RFC 4559).
   */
  readonly connectionBound: boolean
  /** Its credentials have the secret in them: without TLS, whatever is in between can read it. */
  readonly sendsSecret: boolean
  /** Its credentials are made with the secret and do not show it. */
  readonly computed: boolean
  /**
   * Its credentials are for one request or one connection. To remember a response to them is to
   * take a replay.
   */
  readonly goodOnce: boolean
  /** Its credentials say who presents them, in a form that is read here. */
  readonly namesUser: boolean
}

const UNKNOWN: SchemeTraits = Object.freeze({
  name: null, connectionBound: false, sendsSecret: false, computed: false, goodOnce: false, namesUser: false
})
const GOOD_ONCE: Partial<SchemeTraits> = { goodOnce: true }
const COMPUTED: Partial<SchemeTraits> = { computed: true, goodOnce: true }

const TRAITS = tableOf({
  Basic: { sendsSecret: true, namesUser: true },
  Bearer: { sendsSecret: true },
  Digest: { ...COMPUTED, namesUser: true },
  NTLM: { ...COMPUTED, connectionBound: true },
  Negotiate: { ...COMPUTED, connectionBound: true },
  'AWS4-HMAC-SHA256': COMPUTED,
  Hawk: COMPUTED,
  OAuth: GOOD_ONCE,
  DPoP: GOOD_ONCE,
  GNAP: GOOD_ONCE,
  HOBA: GOOD_ONCE,
  Mutual: GOOD_ONCE
})
/** RFC 7804: of each hash function. */
const SCRAM = Object.freeze({ ...UNKNOWN, ...GOOD_ONCE })

/**
 * Finds what is to be known of a scheme.
 *
 * @param scheme - In any case; `null` has no traits.
 * @example
 * traitsOf('ntlm').connectionBound // true
 */
export function traitsOf (scheme: string | null): SchemeTraits {
  if (scheme === null) return UNKNOWN
  const key = scheme.toLowerCase()
  return TRAITS.get(key) ?? (key.startsWith('scram-') ? SCRAM : UNKNOWN)
}

/** Whether a scheme authenticates the connection and not the request: NTLM and Negotiate. */
export function isConnectionBound (scheme: string | null): boolean {
  return traitsOf(scheme).connectionBound
}

function tableOf (rows: Readonly<Record<string, Partial<SchemeTraits>>>): ReadonlyMap<string, SchemeTraits> {
  return new Map(Object.entries(rows).map(([name, row]) =>
    [name.toLowerCase(), Object.freeze({ ...UNKNOWN, ...row, name })]))
}
