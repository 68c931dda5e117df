/** A value now or later. */
export type Eventual<Value> = Value | PromiseLike<Value>

/** Tells whether a value comes later. */
export function isThenable<Value> (value: Eventual<Value>): value is PromiseLike<Value> {
  return typeof (value as PromiseLike<Value> | null | undefined)?.then === 'function'
}

/** Does what follows from a value: at once where it is there. */
export function after<Value, Next> (
  value: Eventual<Value>, next: (value: Value) => Eventual<Next>
): Eventual<Next> {
  return isThenable(value) ? value.then(next) : next(value)
}
