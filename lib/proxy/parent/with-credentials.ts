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
  const own = Object.entries(credentials)
  // `Proxy-Authorization` of the client ends at this hop, so it is not among them.
  const isUsual = own.length === 1 && own[0]![0] === NAME
  const others = isUsual ? fields : withoutFields(fields, (name) => Object.hasOwn(credentials, name.toLowerCase()))
  return [...others, ...own.flatMap(([name, value]) => [name === NAME ? FIELD : name, value])]
}
