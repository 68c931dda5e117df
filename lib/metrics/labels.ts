import type { DeniedEvent } from '../events/payloads.js'
import type { RefusalReason } from '../passport/outcome.js'
import type { Aws4RefusalReason } from '../strategies/aws4/options.js'
import type { DigestRefusalReason } from '../strategies/digest/options.js'
import type { NegotiateRefusalReason } from '../strategies/negotiate/options.js'
import type { NtlmRefusalReason } from '../strategies/ntlm/options.js'
import type { EndedFor } from '../proxy/exchange/exchange.js'
import { OTHER } from './bounded-names.js'

// Clients and origins choose what events say. A label takes a few words only.

/** What a label says where there is nothing to say. */
export const NONE = 'none'

type KnownRefusal = RefusalReason | DigestRefusalReason | Aws4RefusalReason | NtlmRefusalReason | NegotiateRefusalReason

/** The compiler sees to it that none is left out. */
const REFUSALS: Readonly<Record<KnownRefusal, true>> = {
  missing: true,
  continued: true,
  'not offered': true,
  malformed: true,
  rejected: true,
  forbidden: true,
  limited: true,
  algorithm: true,
  realm: true,
  opaque: true,
  qop: true,
  userhash: true,
  uri: true,
  content: true,
  user: true,
  response: true,
  nonce: true,
  nc: true,
  scope: true,
  fields: true,
  date: true,
  target: true,
  payload: true,
  key: true,
  signature: true,
  replay: true,
  order: true,
  anonymous: true,
  version: true,
  mic: true,
  binding: true,
  verifier: true,
  ntlm: true,
  leg: true,
  ticket: true,
  service: true
}

/** Why credentials are refused. A strategy of the application may have words of its own. */
export function refusalLabel (reason: string): string {
  return Object.hasOwn(REFUSALS, reason) ? reason : OTHER
}

const ENDS: Readonly<Record<EndedFor | 'idle' | 'expired' | 'aborted', true>> = {
  idle: true, expired: true, aborted: true, closing: true, revoked: true, forbidden: true, ended: true
}
const OUR_CODE = /^FST_PROXY_AUTH_[A-Z0-9_]{1,40}$/

/** Why an exchange has ended: a word of the log, the code of an error of ours, or by itself. */
export function endLabel (reason: string | undefined): string {
  if (reason === undefined) return NONE
  return Object.hasOwn(ENDS, reason) || OUR_CODE.test(reason) ? reason : OTHER
}

const DENIALS: Readonly<Record<string, string>> = {
  'on the deny list': 'deny list',
  'not on the allow list': 'allow list',
  port: 'port',
  'special-purpose address': 'special address',
  'own listener': 'own listener'
}

/** What has denied a request: a list, a rule, or a function of the application (`code`). */
export function denialLabel ({ decision, denial }: Pick<DeniedEvent, 'decision' | 'denial'>): string {
  if (decision === 'deny') return 'rule'
  return Object.hasOwn(DENIALS, denial) ? DENIALS[denial]! : 'code'
}

/** The class of a status. Origins may send any. */
export function statusLabel (status: number): string {
  const first = Math.trunc(status / 100)
  return first >= 1 && first <= 5 ? `${first}xx` : OTHER
}

/** A scheme that the gateway offers. */
export function schemeLabel (scheme: string | null, offered: ReadonlySet<string | null>): string {
  if (scheme === null) return NONE
  return offered.has(scheme) ? scheme : OTHER
}
