const VARIABLE = /[:*(]/

/**
 * Makes a function that tells whether the router may take a path, its query behind it, for one
 * under `prefix`. It errs on the side of yes: what the router may be told to overlook (case,
 * doubled slashes, percent-encoding) is overlooked, and of a prefix with parameters the part before
 * the first of them counts.
 *
 * @example
 * underPrefix('/api/:tenant')('/API//x') // true
 */
export function underPrefix (prefix: string): (path: string) => boolean {
  const fixed = usual(prefix.split(VARIABLE, 1)[0]!)
  return (path) => {
    try {
      return usual(decodeURI(path.split('?', 1)[0]!)).startsWith(fixed)
    } catch {
      return true // the router refuses it
    }
  }
}

/**
 * Makes a function that tells the same of a path that is surely under `prefix`: it ends there, or
 * goes on behind a slash.
 *
 * @example
 * withinPrefix('/api/:tenant')('/API//a/b') // true; false for /api
 */
export function withinPrefix (prefix: string): (path: string) => boolean {
  const wanted = segments(usual(prefix))
  return (path) => {
    try {
      const there = segments(usual(decodeURI(path.split('?', 1)[0]!)))
      return there.length >= wanted.length &&
        wanted.every((segment, i) => VARIABLE.test(segment) || segment === there[i])
    } catch {
      return false
    }
  }
}

function segments (path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

function usual (path: string): string {
  return `/${path}`.replace(/\/{2,}/g, '/').toLowerCase()
}
