import { BadOption } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { checkOptions, readInteger } from '../../check-option.js'
import type { ReplayStore } from '../../store/store.js'
import type { AcceptedUser, Defaulting, Milliseconds } from '../../types.js'

/** A key: its secret, and the user that it stands for. */
export type Aws4Account = Defaulting<{ username: string }, {
  /** Default `{ username }`, the access key id, where that has the shape of `ProxyUser`. */
  readonly user: AcceptedUser
}> & {
  /** The secret access key. */
  readonly secret: string
  /** Members for the second argument of `success`. */
  readonly info?: object
}

/**
 * Finds a key; nothing (`null`, `undefined`, `false`) when there is none. Throws or rejects only
 * when it cannot tell.
 *
 * Where there is a session token, it has to belong to the key: whether it does, and has not
 * expired, only this function can know. The id is the client's text, in visible ASCII, of at most
 * 256 chars.
 */
export type Aws4Lookup = (
  accessKeyId: string, sessionToken: string | undefined
) => Eventual<Aws4Account | null | undefined | false>

/**
 * Why credentials were refused: another `scope` than ours; `host` or a date is not among the signed
 * `fields`, or one of these is not there, or a session token is not signed; the `date` is too far
 * from ours; the `target` is not the signed host's; the `payload` is not the one that was signed,
 * or unsigned, or was not read; an unknown `key`; a wrong `signature`; or, all of that being
 * right, a `replay`.
 */
export type Aws4RefusalReason = 'scope' | 'fields' | 'date' | 'target' | 'payload' | 'key' | 'signature' | 'replay'

/** What is told of a refusal. */
export interface Aws4Refusal {
  readonly reason: Aws4RefusalReason
  /** Of a key that exists, else `null`. */
  readonly accessKeyId: string | null
}

/** Options of {@link Aws4Strategy}. */
export interface Aws4Options {
  /**
   * Finds a key: `(accessKeyId, sessionToken)` gives `{ secret, user?, info? }`, or `null`. Whether
   * a session token belongs to the key, only this function can know.
   */
  readonly lookup: Aws4Lookup
  /** The region that clients have to sign. Visible ASCII without `/` and `,`. */
  readonly region: string
  /** The service that clients have to sign, such as `proxy`. Visible ASCII without `/` and `,`. */
  readonly service: string
  /**
   * The realm of the identity. The challenge has none.
   *
   * @defaultValue the realm of the plugin
   */
  readonly realm?: string
  /**
   * How far the time of a signature may be from the gateway's, in both directions. From 1 to
   * 86400000 (1 day).
   *
   * @defaultValue `900000` (15 minutes)
   */
  readonly clockSkew?: Milliseconds
  /**
   * Accepts signatures that leave the content out (`UNSIGNED-PAYLOAD`). An attacker on the way can
   * then exchange the content.
   *
   * @defaultValue `false`
   */
  readonly unsignedPayload?: boolean
  /**
   * Whether clients sign the path without empty and dot segments, and escaped once more, as for
   * every service of AWS but S3. `false`: they sign it as it is sent.
   *
   * @defaultValue `true`
   */
  readonly escapePath?: boolean
  /**
   * Where used signatures are kept, so that each counts once. A client that sends the same request
   * twice within a second makes the same signature, and is refused the second time. Without a store
   * a recorded request can be repeated for as long as `clockSkew` allows.
   *
   * @defaultValue none
   */
  readonly store?: ReplayStore
  /**
   * Called for each refusal of well-formed credentials.
   *
   * @defaultValue none
   */
  readonly onRefused?: (refusal: Aws4Refusal) => void
  /**
   * The time, for tests.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => Milliseconds
}

/** The options, checked, with defaults. Frozen. */
export interface Aws4Settings extends Required<Omit<Aws4Options, 'realm' | 'store'>> {
  readonly store: ReplayStore | undefined
}

const MAX_SKEW = 86_400_000
const NO_SCOPE_CHAR = /[^\x21-\x7e]|[/,]/
const OPTIONS = new Set([
  'lookup', 'region', 'service', 'realm', 'clockSkew', 'unsignedPayload', 'escapePath', 'store', 'onRefused', 'clock'
])

/**
 * Checks the options of {@link Aws4Strategy} and fills in defaults.
 *
 * @throws {BadOption} An option is wrong, or unknown.
 */
export function readAws4Options (options = {} as Aws4Options): Aws4Settings {
  const {
    lookup, region, service, clockSkew = 900_000, unsignedPayload = false, escapePath = true,
    store, onRefused = () => {}, clock = Date.now
  } = checkOptions(options, OPTIONS)
  for (const [name, value] of Object.entries({ lookup, onRefused, clock })) {
    if (typeof value !== 'function') throw new BadOption(name, 'a function', typeof value)
  }
  for (const [name, value] of Object.entries({ region, service })) {
    if (typeof value !== 'string' || value === '' || NO_SCOPE_CHAR.test(value)) {
      throw new BadOption(name, 'visible ASCII without slash and comma', typeof value)
    }
  }
  for (const [name, value] of Object.entries({ unsignedPayload, escapePath })) {
    if (typeof value !== 'boolean') throw new BadOption(name, 'true or false', typeof value)
  }
  readInteger(clockSkew, 'clockSkew', 1, MAX_SKEW)
  if (store !== undefined && typeof store?.claim !== 'function') throw new BadOption('store', 'a store with `claim`', typeof store)
  return Object.freeze({ lookup, region, service, clockSkew, unsignedPayload, escapePath, store, onRefused, clock })
}
