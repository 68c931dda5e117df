const DIGITS = /^[0-9]+$/

/**
 * Reads the value of `Max-Forwards`.
 *
 *     Max-Forwards = 1*DIGIT
 *
 * @returns How many proxies may still forward the request, at most 2^53 - 1; undefined when the
 *   field is absent or malformed, which means the same: no limit.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-7.6.2 RFC 9110, 7.6.2}
 * @example
 * parseMaxForwards('10') // 10
 */
export function parseMaxForwards (value: string | undefined): number | undefined {
  if (value === undefined || !DIGITS.test(value)) return undefined
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER)
}
