import type { IncomingMessage } from 'node:http'

const VARIABLE = /[:*(]/

/**
 * Makes a function that tells whether the router may take a request for one under `prefix`. It errs on the side of
 * yes: what the router may be told to overlook (case, doubled slashes, percent-encoding) is overlooked, and of a prefix
 * with parameters the part before the first of them counts.
 *
 * @example
 * underPrefix('/api/:tenant')(request) // true for /API//x
 */
export function underPrefix (prefix: string): (request: IncomingMessage) => boolean {
  const fixed = usual(prefix.split(VARIABLE, 1)[0]!)
  return ({ url }) => {
    try {
      return usual(decodeURI(url!.split('?', 1)[0]!)).startsWith(fixed)
    } catch {
      return true // the router refuses it
    }
  }
}

function usual (path: string): string {
  return `/${path}`.replace(/\/{2,}/g, '/').toLowerCase()
}
