let count = 0

/**
 * Names an account so that no other of this process has the same name, whatever their credentials
 * are.
 *
 * @param name - What the log may tell: a username, or the id of a key.
 * @example
 * nameAccount('gateway') // 'gateway#7'
 */
export function nameAccount (name: string): string {
  return `${name}#${++count}`
}
