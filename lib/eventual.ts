/** A value now or later. */
export type Eventual<Value> = Value | PromiseLike<Value>

/** Tells whether a value comes later. */
export function isThenable<Value> (value: Eventual<Value>): value is PromiseLike<Value> {
  return typeof (value as PromiseLike<Value> | null | undefined)?.then === 'function'
}
