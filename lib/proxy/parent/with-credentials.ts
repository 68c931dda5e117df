import { withoutFields } from '../../fields/raw-list.js'
import type { LoginFields } from './login/login.js'

const FIELD = 'Proxy-Authorization'
const NAME = FIELD.toLowerCase()

/**
 * The fields of a request with credentials for a parent, each in the place of those of its name.
 *
 * @param fields - A flat raw list, this hop's fields removed. Not changed.
 */
export function withCredentials (fields: readonly string[], credentials: LoginFields | null): string[] {
  if (credentials === null) return [...fields]
  const { [NAME]: usual, ...more } = credentials
  // `Proxy-Authorization` of the client ends at this hop, so it is not among them.
  const names = Object.keys(more)
  const isReplaced = (name: string) => Object.hasOwn(more, name.toLowerCase())
  const all = names.length === 0 ? [...fields] : withoutFields(fields, isReplaced)
  if (usual !== undefined) all.push(FIELD, usual)
  for (const name of names) all.push(name, more[name]!)
  return all
}
