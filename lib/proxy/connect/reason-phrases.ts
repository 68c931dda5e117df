import type { RefusalCause } from '../../platform/http1/refusal-cause.js'

/** Each code that a CONNECT can be refused with, and what the status line says of it. */
export const REASON_PHRASES: ReasonPhrases = Object.freeze({
  FST_PROXY_AUTH_MALFORMED_FIELD: 'Malformed field',
  FST_PROXY_AUTH_MALFORMED_CREDENTIALS: 'Malformed proxy credentials',
  FST_PROXY_AUTH_DUPLICATE_FIELD: 'A field occurs more than once',
  FST_PROXY_AUTH_BAD_TARGET: 'Bad request target',
  FST_PROXY_AUTH_BAD_REQUEST: 'Bad request',
  FST_PROXY_AUTH_TOO_MANY_FIELDS: 'Too many fields',
  FST_PROXY_AUTH_REQUIRED: 'Proxy credentials not accepted',
  FST_PROXY_AUTH_FORBIDDEN: 'Access refused',
  FST_PROXY_AUTH_TARGET_DENIED: 'Target denied',
  FST_PROXY_AUTH_CHECK_FAILED: 'The check of the target failed',
  FST_PROXY_AUTH_CHECK_TIMEOUT: 'The check of the target timed out',
  FST_PROXY_AUTH_STRATEGY_FAILED: 'Proxy credentials could not be checked',
  FST_PROXY_AUTH_STRATEGY_UNAVAILABLE: 'Proxy credentials cannot be checked now',
  FST_PROXY_AUTH_STRATEGY_TIMEOUT: 'The check of proxy credentials timed out',
  FST_PROXY_AUTH_STORE_FULL: 'Too many nonces in use',
  FST_PROXY_AUTH_STORE_UNAVAILABLE: 'Used nonces cannot be looked up',
  FST_PROXY_AUTH_TOO_MANY_HANDSHAKES: 'Too many handshakes under way',
  FST_PROXY_AUTH_TOO_MANY_ATTEMPTS: 'Too many failed attempts',
  FST_PROXY_AUTH_VERIFIER_BUSY: 'Too many credentials are being checked',
  FST_PROXY_AUTH_LIMIT_REACHED: 'Limit reached',
  FST_PROXY_AUTH_LIMIT_STORE_FAILED: 'Limits cannot be looked up',
  FST_PROXY_AUTH_LOOP: 'Request went through this proxy before',
  FST_PROXY_AUTH_DNS: 'Name not found',
  FST_PROXY_AUTH_DNS_TIMEOUT: 'Name look-up timed out',
  FST_PROXY_AUTH_CONNECTION_REFUSED: 'Connection refused',
  FST_PROXY_AUTH_UNROUTABLE: 'No route to the target',
  FST_PROXY_AUTH_CONNECT_TIMEOUT: 'Connection timed out',
  FST_PROXY_AUTH_UPSTREAM_TERMINATED: 'Connection closed by the target',
  FST_PROXY_AUTH_OUT_OF_CONNECTIONS: 'The proxy can open no more connections',
  FST_PROXY_AUTH_REFUSED_CALL: 'The proxy could not connect',
  FST_PROXY_AUTH_NO_PARENT: 'No parent proxy serves this target',
  FST_PROXY_AUTH_PARENT_UNREACHABLE: 'The parent proxy cannot be reached',
  FST_PROXY_AUTH_PARENT_TIMEOUT: 'The parent proxy timed out',
  FST_PROXY_AUTH_PARENT_PROTOCOL: 'Bad response of the parent proxy',
  FST_PROXY_AUTH_PARENT_REFUSED: 'The parent proxy refused this proxy',
  FST_PROXY_AUTH_PARENT_UNPROVEN: 'The parent proxy did not prove who it is',
  FST_PROXY_AUTH_PARENT_CREDENTIALS: 'No credentials for the parent proxy',
  FST_PROXY_AUTH_PARENT_CHOICE: 'The parent proxy could not be chosen',
  FST_PROXY_AUTH_PARENT_DENIED: 'Refused by the parent proxy',
  FST_PROXY_AUTH_CLOSING: 'The proxy is closing'
})

/** Texts for the status line of a refused CONNECT, by the code of the error. */
export interface ReasonPhrases {
  /** Printable ASCII. */
  readonly [code: `FST_PROXY_AUTH_${string}`]: string
}

/** The longest phrase: clients print it in one line. */
export const MAX_PHRASE = 120

/** Printable ASCII. CR and LF would end the line. */
const SENDABLE = /^[\x20-\x7e]+$/
/** Reasons that say too little where nothing else stands beside them. */
const IN_FULL = new Map([['port', 'port not allowed'], ['own listener', 'the target is this proxy']])

/** Whether a text can be the phrase of a status line as it is. */
export function isReasonPhrase (text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_PHRASE && SENDABLE.test(text)
}

/**
 * What a status line says of the cause of a refusal: the text of the option, else the reason, if it
 * can be sent, else our text for the code. It has nothing that the content of the response has not.
 *
 * @returns `undefined` for an error of others: of those nothing is known to be harmless.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9112#section-4 RFC 9112, 4}
 * @example
 * phraseFor({ code: 'FST_PROXY_AUTH_DNS' }, {}) // 'Name not found'
 */
export function phraseFor (cause: RefusalCause, own: ReasonPhrases): string | undefined {
  const { code } = cause as { code?: keyof ReasonPhrases }
  if (code === undefined || !Object.hasOwn(REASON_PHRASES, code)) return undefined
  return own[code] ?? sendable(reasonOf(cause)) ?? REASON_PHRASES[code]
}

const FORBIDDEN = 'forbidden: '

function reasonOf ({ code, reason, message }: RefusalCause): string | undefined {
  return code === 'FST_PROXY_AUTH_FORBIDDEN' ? message?.replace(FORBIDDEN, '') : reason
}

function sendable (reason: string | undefined): string | undefined {
  if (reason === undefined || !SENDABLE.test(reason)) return undefined
  const text = IN_FULL.get(reason) ?? reason
  const phrase = `${text[0]!.toUpperCase()}${text.slice(1)}`
  return phrase.length <= MAX_PHRASE ? phrase : `${phrase.slice(0, MAX_PHRASE - 3)}...`
}
