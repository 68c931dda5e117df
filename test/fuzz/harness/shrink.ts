/** What a value could be with less in it: lists lose items and texts lose octets, larger parts first, at any depth. */
export function * smaller (value: unknown): Generator<unknown> {
  if (typeof value === 'string' || Array.isArray(value)) {
    for (let size = Math.ceil(value.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < value.length; at += size) yield without(value, at, size)
    }
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const less of smaller(item)) yield value.with(index, less)
    }
  } else if (value !== null && typeof value === 'object') {
    for (const [name, item] of Object.entries(value)) {
      for (const less of smaller(item)) yield { ...value, [name]: less }
    }
  }
}

function without (value: string | unknown[], at: number, size: number): string | unknown[] {
  if (typeof value === 'string') return value.slice(0, at) + value.slice(at + size)
  return [...value.slice(0, at), ...value.slice(at + size)]
}

/**
 * The smallest input found that still fails.
 *
 * @param fails - Whether an input fails as the first one did.
 * @param until - When to be content with what there is, as of `Date.now()`.
 */
export async function shrink<Input> (
  input: Input, fails: (input: Input) => Promise<boolean>, until: number, candidates: (input: Input) => Iterable<unknown> = smaller
): Promise<Input> {
  for (let found: Input | undefined = input; found !== undefined; found = await first(candidates(input), fails, until) as Input | undefined) input = found
  return input
}

async function first<Input> (candidates: Iterable<unknown>, fails: (input: Input) => Promise<boolean>, until: number): Promise<unknown> {
  for (const candidate of candidates) {
    if (Date.now() > until) return undefined
    if (await fails(candidate as Input)) return candidate
  }
}
