/**
 * Writes the name of a user in one way: a directory may find one user by several spellings, each of
 * which would have limits and room of its own.
 *
 * @example
 * usualName(' Alice') // 'alice'
 */
export function usualName (name: string): string {
  return name.normalize('NFKC').trim().toLowerCase()
}
