/**
 * Tells whether there is an account, by the function that verifies such accounts or looks them up.
 */
const known = new WeakMap<object, (name: string) => boolean>()

/**
 * Notes that the accounts behind a verifier or a look-up are known, so that the boot can be asked
 * about a name. Those of a directory are not.
 *
 * @returns `verify` itself.
 */
export function knowingAccounts<Verify extends object> (verify: Verify, has: (name: string) => boolean): Verify {
  known.set(verify, has)
  return verify
}

/** Whether `verify` is known to have an account of that name. */
export function hasAccount (verify: object | undefined, name: string): boolean {
  return verify !== undefined && known.get(verify)?.(name) === true
}
