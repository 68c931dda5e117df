/**
 * The groups of a user where no option says otherwise: the member `groups` of the user object,
 * where that is a list of text; else none.
 */
export function userGroups (user: unknown): readonly string[] {
  const { groups } = Object(user) as { readonly groups?: unknown }
  return Array.isArray(groups) && groups.every((group) => typeof group === 'string') ? groups : []
}
