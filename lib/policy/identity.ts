import type { ProxyIdentity } from '../types.js'

/** Names a user for logs, limits and headers. */
export type Principal = (user: never, info: never) => string

const MEMBERS = ['username', 'id', 'sub'] as const

/** What a strategy has said of a user, and the user-id in the credentials. */
export interface KnownUser {
  readonly user: object | string
  readonly info: unknown
  readonly userId: string | null
  /** Settled already. */
  readonly name?: string
}

/**
 * The name of a user: what `principal` says; without it the user itself where it is text, the first
 * text among its `username`, `id` and `sub`, else the user-id of the credentials.
 *
 * @throws {TypeError} There is none. A nameless user would share limits and records with every
 *   other one.
 * @throws What `principal` throws.
 */
export function nameOf ({ user, info, userId, name: settled }: KnownUser, principal?: Principal): string {
  if (settled !== undefined) return settled
  const name: unknown = principal === undefined ? defaultName(user, userId) : principal(user as never, info as never)
  if (typeof name === 'string' && name !== '') return name
  throw new TypeError('its user has no name: see option `principal`')
}

/** Whether a user has this name, or one that cannot be told. */
export function isNamed (name: string, known: KnownUser, principal?: Principal): boolean {
  try {
    return nameOf(known, principal) === name
  } catch {
    return true
  }
}

function defaultName (user: object | string, userId: string | null): string | null {
  if (typeof user === 'string') return user
  for (const member of MEMBERS) {
    const value = (user as Record<string, unknown>)[member]
    if (typeof value === 'string' && value !== '') return value
  }
  return userId
}

/** An identity that knows how old it is and which gate made it. To all others it is a plain one. */
export class Identity implements ProxyIdentity {
  readonly user
  readonly name
  readonly info
  readonly scheme
  readonly realm
  readonly #mark: number
  readonly #by: object

  constructor ({ user, name, info, scheme, realm }: ProxyIdentity, mark: number, by: object) {
    this.user = user
    this.name = name
    this.info = info
    this.scheme = scheme
    this.realm = realm
    this.#mark = mark
    this.#by = by
  }

  /**
   * The mark of an identity; Infinity, so that it never ends, where an application has made one
   * itself.
   */
  static markOf (identity: ProxyIdentity): number {
    return #mark in identity ? identity.#mark : Infinity
  }

  /** Whether `by`, and nothing else, made the identity. */
  static isMadeBy (identity: ProxyIdentity, by: object): boolean {
    return #by in identity && identity.#by === by
  }
}
