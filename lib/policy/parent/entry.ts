import { BadOption } from '../../errors.js'
import { badOption, checkObject, isObject, readList, readWord } from '../../check-option.js'
import type { ProxyIdentity } from '../../types.js'
import { readAddress } from '../address/address.js'
import { canonicalHost } from '../target/canonical-host.js'
import type { Target, TargetScheme } from '../target/check.js'
import { PatternList } from '../target/pattern-list.js'
import type { ParentCredentials } from './credentials.js'
import { readOwnCredentials } from './own-credentials.js'
import type { Hop, Parent } from './parent.js'
import type { CredentialsForParent, ParentOptions } from './parent-options.js'
import { readParentUrl } from './url.js'

/** A way to targets, and its conditions. `null`: there is none of that kind. */
export interface ParentEntry {
  readonly hop: Hop
  readonly to: PatternList | null
  readonly except: PatternList | null
  readonly users: ReadonlySet<string> | null
  /** Those of the environment are for some. */
  readonly schemes: readonly TargetScheme[] | null
}

/** The way without a parent, without conditions. */
export const DIRECT: ParentEntry = Object.freeze({ hop: 'direct', to: null, except: null, users: null, schemes: null })

const OPTIONS = new Set(['url', 'name', 'to', 'except', 'users', 'credentials', 'passthrough', 'resolve', 'tls'])
const DIRECT_OPTIONS = new Set(['url', 'to', 'except', 'users'])
const NAME = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/

/**
 * Reads one parent of a list, or of what a function gave.
 *
 * @param option - What the errors call it. They never tell a value: a URL may have a password.
 * @throws {BadOption} It is wrong.
 */
export function readParent (given: ParentOptions, option: string): ParentEntry {
  const { url, to, except, users, ...about } = checkObject(given, option, OPTIONS)
  if (url === 'direct') checkObject(given, option, DIRECT_OPTIONS)
  return Object.freeze({
    hop: url === 'direct' ? url : readHop(url, about, option),
    to: to === undefined ? null : PatternList.from(readList(to, `${option}.to`, 1), `${option}.to`),
    except: except === undefined ? null : PatternList.from(readList(except, `${option}.except`, 1), `${option}.except`),
    users: users === undefined ? null : readUsers(users, `${option}.users`),
    schemes: null
  })
}

function readHop (
  url: string, { name, credentials, passthrough = false, resolve, tls }: Partial<ParentOptions>, option: string
): Parent {
  const { protocol, host, port, userinfo, resolve: resolver } = readParentUrl(url, `${option}.url`)
  if (typeof passthrough !== 'boolean') throw badOption(`${option}.passthrough`, 'true or false', passthrough)
  if (passthrough && protocol === 'socks5') throw new BadOption(`${option}.passthrough`, 'left out, as SOCKS5 has no such field', 'true')
  if (passthrough && userinfo !== undefined) throw new BadOption(`${option}.passthrough`, 'left out beside userinfo in the URL', 'true')
  if (credentials !== undefined && passthrough) throw badOption(`${option}.credentials`, 'left out beside `passthrough`', credentials)
  if (credentials !== undefined && userinfo !== undefined) throw badOption(`${option}.credentials`, 'left out beside userinfo in the URL', credentials)
  if (resolver !== undefined && resolve === 'local') throw new BadOption(`${option}.resolve`, "'parent', as the URL is one of socks5h:", "'local'")
  if (tls !== undefined && !isObject(tls)) throw badOption(`${option}.tls`, 'an object', tls)
  if (tls !== undefined && protocol !== 'https') throw badOption(`${option}.tls`, 'left out, as the URL is not one of https:', tls)
  return Object.freeze({
    name: readName(name, `${option}.name`, host, port),
    protocol,
    host,
    port,
    tls,
    credentials: userinfo === undefined
      ? readOwnCredentials(credentials, `${option}.credentials`, protocol)
      : readOwnCredentials({ scheme: 'Basic', ...userinfo }, `${option}.url`, protocol),
    scheme: schemeOf(userinfo === undefined ? credentials : { scheme: 'Basic' }),
    passthrough,
    resolve: readWord(resolve ?? resolver ?? 'parent', `${option}.resolve`, ['parent', 'local'])
  })
}

/** Of what is no function, that is. */
function schemeOf (credentials: Partial<ParentCredentials> | CredentialsForParent | undefined): Parent['scheme'] {
  return credentials !== undefined && 'scheme' in credentials ? credentials.scheme! : null
}

function readName (name: unknown, option: string, host: string, port: number): string {
  if (name === undefined) return `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (typeof name !== 'string') throw badOption(option, 'text', name)
  if (!NAME.test(name)) throw new BadOption(option, '1 to 255 chars of printable ASCII', 'other text')
  if (name === 'direct') throw new BadOption(option, 'another name: that one is the way without a parent', "'direct'")
  return name
}

function readUsers (users: readonly string[], option: string): ReadonlySet<string> {
  return new Set(readList(users, option, 1).map((name: unknown, index) => {
    if (typeof name !== 'string') throw badOption(`${option}[${index}]`, 'a name', name)
    return name
  }))
}

/** Whether there is no condition on the target. */
export function isForAll ({ to, except, schemes }: ParentEntry): boolean {
  return to === null && except === null && schemes === null
}

/** Whether the conditions on the target hold. */
export function isFor ({ to, except, schemes }: ParentEntry, { host, port, scheme }: Target): boolean {
  if (schemes !== null && !schemes.includes(scheme)) return false
  if (to === null && except === null) return true
  const name = canonicalHost(host)
  const address = readAddress(name)
  const isOn = (list: PatternList) =>
    (address === null ? list.matchName(name, port) : list.matchAddress(address, port)) !== null
  return (to === null || isOn(to)) && (except === null || !isOn(except))
}

/** Whether the condition on the user holds. */
export function isForUser ({ users }: ParentEntry, { name }: ProxyIdentity): boolean {
  return users === null || users.has(name)
}
