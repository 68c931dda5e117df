const BOUND = new Set(['ntlm', 'negotiate'])

/**
 * Whether a scheme authenticates the connection and not the request: NTLM and Negotiate. Such a scheme needs all its legs, and
 * what comes after, on one connection of one client, which neither HTTP/2 nor HTTP/1.0 gives it.
 */
export function isConnectionBound (scheme: string | null): boolean {
  return scheme !== null && BOUND.has(scheme.toLowerCase())
}
