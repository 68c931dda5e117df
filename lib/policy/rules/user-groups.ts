/**
 * The groups of a user where no option says otherwise: the member `groups` of the user object,
 * where that is a list of text; else none.
 */
export function userGroups (user: unknown): readonly string[] {
  const { groups } = Object(user) as { readonly groups?: unknown }
  return isListOfText(groups) ? groups : []
}

/**
 * The groups that a function of the application gives.
 *
 * @throws {TypeError} They are no list of text.
 */
export function checkedGroups (groups: unknown): readonly string[] {
  if (isListOfText(groups)) return groups
  // They cannot come later. If a promise of them is rejected, that must not end the process.
  if (groups instanceof Promise) groups.catch((): void => {})
  throw new TypeError('the groups are no list of text')
}

/** Whether something is what groups are. */
export function isListOfText (groups: unknown): groups is readonly string[] {
  return Array.isArray(groups) && groups.every((group) => typeof group === 'string')
}
