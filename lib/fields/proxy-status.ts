import { NotRepresentable } from '../errors.js'

/** What an error type of RFC 9209 goes with. */
export interface ProxyErrorKind {
  /** The recommended status; undefined where the RFC leaves it to the case. */
  readonly status: number | undefined
  /**
   * Whether only an intermediary can have generated the response, so that it cannot be the
   * origin's.
   */
  readonly intermediaryOnly: boolean
}

const by = (status: number | undefined): ProxyErrorKind => ({ status, intermediaryOnly: true })
const about = (status: number): ProxyErrorKind => ({ status, intermediaryOnly: false })

/**
 * The error types with their recommended statuses.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9209#section-2.3 RFC 9209, 2.3}
 */
export const PROXY_ERRORS = Object.freeze({
  dns_timeout: by(504),
  dns_error: by(502),
  destination_not_found: by(500),
  destination_unavailable: by(503),
  destination_ip_prohibited: by(502),
  destination_ip_unroutable: by(502),
  connection_refused: by(502),
  connection_terminated: about(502),
  connection_timeout: by(504),
  connection_read_timeout: about(504),
  connection_write_timeout: about(504),
  connection_limit_reached: by(503),
  tls_protocol_error: about(502),
  tls_certificate_error: by(502),
  tls_alert_received: about(502),
  http_request_error: by(undefined),
  http_request_denied: by(403),
  http_response_incomplete: about(502),
  http_response_header_section_size: about(502),
  http_response_header_size: about(502),
  http_response_body_size: about(502),
  http_response_trailer_section_size: about(502),
  http_response_trailer_size: about(502),
  http_response_transfer_coding: about(502),
  http_response_content_coding: about(502),
  http_response_timeout: about(504),
  http_upgrade_failed: by(502),
  http_protocol_error: about(502),
  proxy_internal_response: by(undefined),
  proxy_internal_error: by(500),
  proxy_configuration_error: by(500),
  proxy_loop_detected: by(502)
}) satisfies Readonly<Record<string, ProxyErrorKind>>

/** The name of an error type of RFC 9209. */
export type ProxyErrorType = keyof typeof PROXY_ERRORS

/** What a member of `Proxy-Status` can say. */
export interface ProxyStatusParams {
  readonly error?: ProxyErrorType
  /** The name or address of the next hop. Shows topology. */
  readonly nextHop?: string
  /** The ALPN name of the protocol spoken with it. */
  readonly nextProtocol?: string
  /** The status the next hop answered with. 100 to 599. */
  readonly receivedStatus?: number
  /** A reason in our words. Printable ASCII. */
  readonly details?: string
  /**
   * What the log calls the request. Printable ASCII. It is a parameter of our own: recipients
   * ignore those that they do not know.
   */
  readonly requestId?: string
}

// RFC 8941: sf-token = ( ALPHA / "*" ) *( tchar / ":" / "/" ), sf-string holds printable ASCII.
const SF_TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*$/
const UNSENDABLE = /[^\x20-\x7e]/
const ESCAPED = /["\\]/g

/**
 * Writes the member of `Proxy-Status` that this hop appends.
 *
 *     Proxy-Status = sf-list
 *
 * @param name - Names this deployment, not the product. A Token where it can be one, else a String.
 * @throws {NotRepresentable} A text is not printable ASCII, or `receivedStatus` is no status.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9209#section-2 RFC 9209, 2}
 * @example
 * formatProxyStatus('gw-1', { error: 'connection_refused', details: 'port 81' })
 * // 'gw-1; error=connection_refused; details="port 81"'
 */
export function formatProxyStatus (name: string, params: ProxyStatusParams = {}): string {
  const { error, nextHop, nextProtocol, receivedStatus, details, requestId } = params
  let member = tokenOrString(name)
  if (error !== undefined) member += `; error=${error}`
  if (nextHop !== undefined) member += `; next-hop=${tokenOrString(nextHop)}`
  if (nextProtocol !== undefined) member += `; next-protocol=${tokenOrString(nextProtocol)}`
  if (receivedStatus !== undefined) member += `; received-status=${statusCode(receivedStatus)}`
  if (details !== undefined) member += `; details=${string(details)}`
  if (requestId !== undefined) member += `; request-id=${string(requestId)}`
  return member
}

function tokenOrString (text: string): string {
  return SF_TOKEN.test(text) ? text : string(text)
}

// Not the quoted-string of HTTP: no HTAB, no octets beyond ASCII.
function string (text: string): string {
  const at = text.search(UNSENDABLE)
  if (at !== -1) throw new NotRepresentable(at)
  return `"${text.replace(ESCAPED, '\\$&')}"`
}

function statusCode (status: number): number {
  if (!Number.isInteger(status) || status < 100 || status > 599) throw new NotRepresentable(0)
  return status
}
