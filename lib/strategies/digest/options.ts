import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BadOption } from '../../errors.js'
import type { Eventual } from '../../eventual.js'
import { checkOptions, readTime, readWord } from '../../check-option.js'
import { DIGEST_ALGORITHMS, findDigestAlgorithm } from '../../schemes/digest/algorithm.js'
import type { DigestAlgorithm, DigestAlgorithmName, DigestHash } from '../../schemes/digest/algorithm.js'
import type { OfferMismatch } from '../../schemes/digest/challenge.js'
import type { Qop } from '../../schemes/digest/response.js'
import type { DigestSecret } from '../../schemes/digest/verify.js'
import { MemoryStore } from '../../store/memory.js'
import type { ReplayStore } from '../../store/store.js'
import type { AcceptedUser, Defaulting, Milliseconds } from '../../types.js'

/** A user: HA1 or password, and what to hand over when the client proves to know it. */
export type DigestAccount = DigestSecret & Defaulting<{ username: string }, {
  /** Default `{ username }`, where that has the shape of `ProxyUser`. */
  readonly user: AcceptedUser
}> & {
  /** Members for the second argument of `success`. */
  readonly info?: object
}

/**
 * Finds a user: the password, or H(A1) in hex, made with the hash that is asked for; nothing
 * (`null`, `undefined`, `false`) when there is none, or none with an HA1 of that hash. Throws or
 * rejects only when it cannot tell.
 *
 * An HA1 is as good as the password in its realm: keep it as safe. The name is the client's text,
 * in Unicode form C, of at most 1024 chars, without colon and control chars.
 */
export type DigestLookup = (
  username: string, realm: string, hash: DigestHash
) => Eventual<DigestAccount | null | undefined | false>

/** Finds a user by the hash of name and realm, in lower-case hex. The account says the name too. */
export type DigestHashLookup = (
  userhash: string, realm: string, hash: DigestHash
) => Eventual<DigestAccount & { readonly username: string } | null | undefined | false>

/**
 * Why credentials were refused: what did not go with the challenge (`algorithm`, `realm`, `opaque`,
 * `qop`, `userhash`) or with the request (`uri`, or the `content`, which `auth-int` covers and
 * which was not hashed); an unknown `user`; a wrong `response`; or, all of that being right, a
 * `nonce` that is not ours or no longer, or a count of it (`nc`) that came before.
 */
export type DigestRefusalReason = OfferMismatch | 'uri' | 'content' | 'user' | 'response' | 'nonce' | 'nc'

/** What is told of a refusal. */
export interface DigestRefusal {
  readonly reason: DigestRefusalReason
  /** Of a user that exists, else `null`: people type passwords into that place. */
  readonly username: string | null
}

/** Options of {@link DigestStrategy}. */
export interface DigestOptions {
  /**
   * Finds a user: `(username, realm, hash)` gives `{ password }`, or `{ ha1 }` made with `hash`
   * (`'MD5'`, `'SHA-256'`, `'SHA-512-256'`), or `null`.
   */
  readonly lookup: DigestLookup
  /**
   * Finds a user by the hash of the name. With it the challenge says `userhash=true`; plain names
   * are still accepted.
   *
   * @defaultValue none
   */
  readonly lookupHash?: DigestHashLookup
  /**
   * The realm, at most 1024 chars. An HA1 is good for one realm only.
   *
   * @defaultValue the realm of the plugin
   */
  readonly realm?: string
  /**
   * The algorithms that are offered, with one challenge each, and accepted: `SHA-256`, `MD5`,
   * `SHA-512-256`, and their `-sess` forms. Offer one: no order of several suits all clients. Some
   * take the first, some the last, some the strongest, and some fail at one that they do not know.
   *
   * @defaultValue `['SHA-256']`
   */
  readonly algorithms?: readonly DigestAlgorithmName[]
  /**
   * `['auth']`, or `['auth', 'auth-int']`: `auth-int` covers the content as well. Few clients know
   * it, so `auth` must be there too and comes first.
   *
   * @defaultValue `['auth']`
   */
  readonly qop?: readonly Qop[]
  /**
   * How long a nonce is accepted after it was issued. From 1 to 2147483647.
   *
   * @defaultValue `300000` (5 minutes)
   */
  readonly nonceLifetime?: Milliseconds
  /**
   * Accepts each nonce once, and gives the next one with each response. Most clients do not read
   * that one and need two requests each time. Without it, a nonce serves any number of requests,
   * each with a count of its own.
   *
   * @defaultValue `false`
   */
  readonly oneTimeNonces?: boolean
  /**
   * `'strict'` refuses credentials whose `uri` is not the target with 400 (RFC 7616, 3.4.6).
   * `'any'` accepts them: libsoup 3 signs `/` for CONNECT, w3m the URI of the proxy. The
   * credentials are then no longer bound to the target: an attacker who changes a request on its
   * way can send it elsewhere, once, as the user.
   *
   * @defaultValue `'strict'`
   */
  readonly uri?: 'strict' | 'any'
  /**
   * Accepts credentials without `qop`, from clients older than 1999. An attacker who records them
   * can repeat them for as long as the nonce lives.
   *
   * @defaultValue `false`
   */
  readonly rfc2069?: boolean
  /**
   * Whether the challenge asks for UTF-8, and names and passwords are hashed in it, in Unicode form
   * C.
   *
   * @defaultValue `true`
   */
  readonly charset?: boolean
  /**
   * Takes names that are not UTF-8 for ISO-8859-1, and hashes the password likewise. Without it
   * they are 400.
   *
   * @defaultValue `false`
   */
  readonly latin1Fallback?: boolean
  /**
   * Text that clients repeat; it has no meaning. Base64 or hex, at most 256 chars. An empty string:
   * none is sent.
   *
   * @defaultValue made from the realm
   */
  readonly opaque?: string
  /**
   * The keys that sign nonces, of 32 octets or more each: the first signs, all verify. So a new key
   * goes first, and the old one stays for the life of a nonce. Processes that share a store have
   * the same keys.
   *
   * @defaultValue with the option `redis` of the plugin one made from its key, else a random one
   */
  readonly keys?: ReadonlyArray<string | Uint8Array>
  /**
   * Where the counts of nonces are kept. A full store is 503 with `Retry-After`, and so is one that
   * does not respond.
   *
   * @defaultValue with the option `redis` of the plugin a `RedisStore`, else a `MemoryStore` of its
   *   own
   */
  readonly store?: ReplayStore
  /**
   * Called for each refusal of well-formed credentials, for a log or a lock-out.
   *
   * @defaultValue none
   */
  readonly onRefused?: (refusal: DigestRefusal) => void
  /**
   * The time, for tests.
   *
   * @defaultValue `Date.now`
   */
  readonly clock?: () => Milliseconds
  /**
   * Unpredictable octets, for tests.
   *
   * @defaultValue `randomBytes` of `node:crypto`
   */
  readonly random?: (size: number) => Uint8Array
}

/** The options, checked, with defaults. Frozen. */
export interface DigestSettings extends Required<Omit<DigestOptions, 'lookupHash' | 'realm' | 'algorithms' | 'opaque' | 'keys'>> {
  readonly lookupHash: DigestHashLookup | undefined
  readonly algorithms: readonly DigestAlgorithm[]
  /** `undefined`: made from the realm. */
  readonly opaque: string | undefined
  readonly keys: readonly [KeyObject, ...KeyObject[]]
}

const MIN_KEY = 32
const OPAQUE = /^[\w+/=-]{0,256}$/
const STORE_ID = /^[\x20-\x7e]{1,256}$/
const OPTIONS = new Set([
  'lookup', 'lookupHash', 'realm', 'algorithms', 'qop', 'nonceLifetime', 'oneTimeNonces', 'uri', 'rfc2069', 'charset', 'latin1Fallback',
  'opaque', 'keys', 'store', 'onRefused', 'clock', 'random'
])

/**
 * Checks the options of {@link DigestStrategy} and fills in defaults.
 *
 * @throws {BadOption} An option is wrong, or unknown.
 */
export function readDigestOptions (options = {} as DigestOptions): DigestSettings {
  const {
    lookup, lookupHash, algorithms = ['SHA-256'], qop = ['auth'], nonceLifetime = 300_000, oneTimeNonces = false,
    uri = 'strict', rfc2069 = false, charset = true, latin1Fallback = false, opaque, keys = [randomBytes(MIN_KEY)],
    onRefused = () => {}, random = randomBytes, clock = Date.now, store = new MemoryStore({ clock })
  } = checkOptions(options, OPTIONS, 'an object, as { lookup: (username, realm) => account }')
  for (const [name, value] of Object.entries({ lookup, lookupHash: lookupHash ?? lookup, onRefused, clock, random })) {
    if (typeof value !== 'function') throw new BadOption(name, 'a function', typeof value)
  }
  for (const [name, value] of Object.entries({ oneTimeNonces, rfc2069, charset, latin1Fallback })) {
    if (typeof value !== 'boolean') throw new BadOption(name, 'true or false', typeof value)
  }
  readWord(uri, 'uri', ['strict', 'any'])
  readTime(nonceLifetime, 'nonceLifetime', 1)
  if (opaque !== undefined && !(typeof opaque === 'string' && OPAQUE.test(opaque))) {
    throw new BadOption('opaque', 'base64 or hex of at most 256 chars', typeof opaque)
  }
  if (typeof store?.claim !== 'function' || typeof store.id !== 'string' || !STORE_ID.test(store.id)) {
    throw new BadOption('store', 'a store with `claim` and an `id` in ASCII', typeof store)
  }
  return Object.freeze({
    lookup,
    lookupHash,
    algorithms: readAlgorithms(algorithms),
    qop: readQop(qop),
    nonceLifetime,
    oneTimeNonces,
    uri,
    rfc2069,
    charset,
    latin1Fallback,
    opaque,
    keys: readKeys(keys),
    store,
    onRefused,
    clock,
    random
  })
}

const NAMES = DIGEST_ALGORITHMS.map(({ name }) => `'${name}'`)

function readAlgorithms (names: readonly string[]): readonly DigestAlgorithm[] {
  const found = Array.isArray(names) ? names.map((name) => typeof name === 'string' ? findDigestAlgorithm(name) : undefined) : []
  const known = found.filter((algorithm) => algorithm !== undefined)
  if (known.length === 0 || known.length !== found.length || new Set(known).size !== known.length) {
    throw new BadOption('algorithms', `a list of ${NAMES.join(', ')}, each once`, Array.isArray(names) ? 'another list' : typeof names)
  }
  return Object.freeze(known)
}

function readQop (qop: readonly Qop[]): readonly Qop[] {
  const text = Array.isArray(qop) ? qop.join() : ''
  if (text !== 'auth' && text !== 'auth,auth-int') throw new BadOption('qop', "['auth'] or ['auth', 'auth-int']", typeof qop)
  return Object.freeze([...qop])
}

function readKeys (keys: ReadonlyArray<string | Uint8Array>): readonly [KeyObject, ...KeyObject[]] {
  const [first, ...rest] = Array.isArray(keys) ? keys.map(readKey) : []
  if (first === undefined) throw new BadOption('keys', 'a list of one or more', typeof keys)
  return Object.freeze([first, ...rest] as const)
}

// A KeyObject shows nothing of itself when it is logged.
function readKey (key: string | Uint8Array): KeyObject {
  const octets = typeof key === 'string' || key instanceof Uint8Array ? Buffer.from(key) : Buffer.alloc(0)
  if (octets.length < MIN_KEY) throw new BadOption('keys', `keys of ${MIN_KEY} octets or more`, typeof key)
  return createSecretKey(octets)
}
