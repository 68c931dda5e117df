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

/**
 * Makes a function that tells the same of a path that is surely under `prefix`: it ends there, or goes on behind a slash.
 *
 * @example
 * withinPrefix('/api/:tenant')(request) // true for /API//a/b, false for /api
 */
export function withinPrefix (prefix: string): (request: IncomingMessage) => boolean {
  const wanted = segments(usual(prefix))
  return ({ url }) => {
    try {
      const there = segments(usual(decodeURI(url!.split('?', 1)[0]!)))
      return there.length >= wanted.length && wanted.every((segment, i) => VARIABLE.test(segment) || segment === there[i])
    } catch {
      return false
    }
  }
}

function segments (path: string): string[] {
  return path.split('/').filter(segment => segment !== '')
}

function usual (path: string): string {
  return `/${path}`.replace(/\/{2,}/g, '/').toLowerCase()
}
