import type { Parent } from '../../policy/parent/parent.js'

const numbers = new WeakMap<Parent, number>()
let count = 0

/** Tells parents apart, whatever their names are: others may have the same. */
export function numberOf (parent: Parent): number {
  let number = numbers.get(parent)
  if (number === undefined) numbers.set(parent, number = ++count)
  return number
}
