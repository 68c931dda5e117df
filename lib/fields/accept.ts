/**
 * Reads `Accept`: the media ranges with their weights. Other parameters are left out of account,
 * and so is what stands behind the first kilobyte.
 *
 *     Accept = #( media-range [ weight ] )
 *     weight = OWS ";" OWS "q=" qvalue
 *
 * @returns The weights by range in lower case, 0 to 1; what is no weight is 0.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1 RFC 9110, 12.5.1}
 * @example
 * readAccept('text/html, text/plain;q=0.8') // Map { 'text/html' => 1, 'text/plain' => 0.8 }
 */
export function readAccept (value: string): Map<string, number> {
  const ranges = new Map<string, number>()
  for (const member of value.slice(0, 1024).split(',')) {
    const [name, ...params] = member.split(';')
    const range = name!.trim().toLowerCase()
    if (range === '') continue
    const q = params.find((param) => /^\s*q=/i.test(param))
    const weight = q === undefined ? 1 : Number(q.slice(q.indexOf('=') + 1))
    ranges.set(range, Number.isNaN(weight) ? 0 : Math.min(weight, 1))
  }
  return ranges
}

/**
 * The weight of what some ranges ask for.
 *
 * @param asking - Those ranges, the most specific first: the first that is there decides. None: 0.
 */
export function weightOf (ranges: ReadonlyMap<string, number>, asking: readonly string[]): number {
  const range = asking.find((name) => ranges.has(name))
  return range === undefined ? 0 : ranges.get(range)!
}
