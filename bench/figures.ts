/** What several processes say of one thing. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Of the values that are there. */
export function spread (values: ReadonlyArray<number | undefined>): Spread {
  const sorted = values.filter((value): value is number => Number.isFinite(value)).sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN }
}

/** Pair by pair: each pair was measured at a time, so that a slow minute is in both. */
export function ratios (values: ReadonlyArray<number | undefined>, others: ReadonlyArray<number | undefined>): Spread {
  return spread(values.map((value, i) => value === undefined || others[i] === undefined ? undefined : value / others[i]))
}
