import { badOption, checkObject, readInteger, readTime, readWord } from '../check-option.js'
import type { AuthIntOptions, ConnectionBoundOptions, ConnectOptions, VerifierOptions } from './options.js'
import { VERIFIERS } from '../passport/declaration.js'
import { MAX_PHRASE, REASON_PHRASES, isReasonPhrase } from '../proxy/connect/reason-phrases.js'
import type { ReasonPhrases } from '../proxy/connect/reason-phrases.js'

const CONNECT_OPTIONS = new Set(['keepAliveAfter407', 'reasonPhrases', 'idleTimeout', 'maxDuration'])
const CONNECT_CODES = new Set(Object.keys(REASON_PHRASES))
const CONNECTION_BOUND_OPTIONS = new Set(['handshakeTimeout', 'maxHandshakes', 'maxPerAddress'])
const AUTH_INT_OPTIONS = new Set(['maxRequest', 'maxKept', 'maxPerAddress', 'maxAnswer', 'contentTimeout', 'contentDuration'])
const VERIFIER_OPTIONS = new Set(['concurrency', 'queue'])
const MIB = 1024 * 1024

/**
 * Checks the option `connect`, even where it is of no use: a misspelt option should not wait for
 * `forward` to be noticed.
 *
 * @throws {BadOption} It is wrong.
 */
export function readConnect (connect: ConnectOptions): Readonly<Required<ConnectOptions>> {
  const { keepAliveAfter407 = 'always', reasonPhrases = {}, idleTimeout = 600_000, maxDuration = 0 } = checkObject(connect, 'connect', CONNECT_OPTIONS)
  return Object.freeze({
    keepAliveAfter407: readWord(keepAliveAfter407, 'connect.keepAliveAfter407', ['always', 'handshake', 'never']),
    reasonPhrases: readReasonPhrases(reasonPhrases),
    idleTimeout: readTime(idleTimeout, 'connect.idleTimeout', 0),
    maxDuration: readTime(maxDuration, 'connect.maxDuration', 0)
  })
}

function readReasonPhrases (given: false | ReasonPhrases): false | ReasonPhrases {
  if (given === false) return false
  const option = 'connect.reasonPhrases'
  const phrases = { ...checkObject(given, option, CONNECT_CODES, 'false or an object') }
  for (const [code, text] of Object.entries(phrases)) {
    if (!isReasonPhrase(text)) throw badOption(`${option}.${code}`, `printable ASCII of 1 to ${MAX_PHRASE} chars`, text)
  }
  return Object.freeze(phrases)
}

/**
 * Checks the option `connectionBound`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readConnectionBound (given: true | ConnectionBoundOptions): Readonly<Required<ConnectionBoundOptions>> {
  const options = checkObject(given === true ? {} : given, 'connectionBound', CONNECTION_BOUND_OPTIONS, 'true or an object')
  const { handshakeTimeout = 15_000, maxHandshakes = 1000 } = options
  const { maxPerAddress = Math.ceil(maxHandshakes / 10) } = options
  for (const [name, value] of Object.entries({ maxHandshakes, maxPerAddress })) {
    if (!Number.isSafeInteger(value) || value < 1) throw badOption(`connectionBound.${name}`, 'an integer from 1', value)
  }
  return Object.freeze({ handshakeTimeout: readTime(handshakeTimeout, 'connectionBound.handshakeTimeout', 1), maxHandshakes, maxPerAddress })
}

/**
 * Checks the option `authInt`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readAuthInt (authInt: AuthIntOptions): Readonly<Required<AuthIntOptions>> {
  const {
    maxRequest = 16 * MIB, maxKept = 256 * MIB, maxPerAddress = Math.max(maxRequest, Math.ceil(maxKept / 4)),
    maxAnswer = 64 * 1024, contentTimeout = 60_000, contentDuration = 300_000
  } = checkObject(authInt, 'authInt', AUTH_INT_OPTIONS)
  for (const [name, value] of Object.entries({ maxRequest, maxKept, maxPerAddress, maxAnswer })) {
    if (!Number.isSafeInteger(value) || value < 0) throw badOption(`authInt.${name}`, 'a number of octets', value)
  }
  return Object.freeze({
    maxRequest,
    maxKept,
    maxPerAddress,
    maxAnswer,
    contentTimeout: readTime(contentTimeout, 'authInt.contentTimeout', 0),
    contentDuration: readTime(contentDuration, 'authInt.contentDuration', 0)
  })
}

/**
 * Checks the option `verifiers`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readVerifiers (verifiers: VerifierOptions): Readonly<Required<VerifierOptions>> {
  const { concurrency = VERIFIERS.concurrency, queue = VERIFIERS.queue } = checkObject(verifiers, 'verifiers', VERIFIER_OPTIONS)
  return Object.freeze({
    concurrency: readInteger(concurrency, 'verifiers.concurrency', 1, 2 ** 16),
    queue: readInteger(queue, 'verifiers.queue', 0, 2 ** 20)
  })
}
