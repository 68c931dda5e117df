/**
 * Finds the known word that a misspelt one was probably meant to be, whatever its case: at most one
 * edit in three chars away.
 *
 * @returns `undefined` when none is near.
 * @see
 *   {@link https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance#Optimal_string_alignment_distance The distance}
 * @example
 * nearest('foward', ['realm', 'forward']) // 'forward'
 */
export function nearest (word: string, known: Iterable<string>): string | undefined {
  let found: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    // So many edits there are at least. A very long word is not gone through for each.
    if (Math.abs(word.length - candidate.length) >= least) continue
    const edits = distance(word.toLowerCase(), candidate.toLowerCase())
    if (edits < least) {
      least = edits
      found = candidate
    }
  }
  return found
}

/**
 * How many chars have to be inserted, left out, replaced or swapped with their neighbour to make
 * one word of the other.
 */
function distance (one: string, other: string): number {
  let before: number[] = []
  let above = Array.from({ length: other.length + 1 }, (_, column) => column)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1]
      let edits = Math.min(above[column]! + 1, current[column - 1]! + 1, above[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]
      if (swapped) edits = Math.min(edits, before[column - 2]! + 1)
      current.push(edits)
    }
    before = above
    above = current
  }
  return above[other.length]!
}
