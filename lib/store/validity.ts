const checks = new WeakMap<object, () => boolean>()

/**
 * Notes of what was found in a file whether it holds still: a cache asks before it says so again.
 * It holds while the file says the same, however often that is read again.
 *
 * @returns `value` itself.
 */
export function holdsWhile<Value extends object> (value: Value, holds: () => boolean): Value {
  checks.set(value, holds)
  return value
}

/** What tells whether a value holds still; `undefined`: it is not known. */
export function validityOf (value: object | string): (() => boolean) | undefined {
  return typeof value === 'object' ? checks.get(value) : undefined
}
