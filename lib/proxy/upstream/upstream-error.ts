import {
  ConnectTimeout, ConnectionRefused, DnsFailed, OutOfConnections, RefusedCall, TlsFailed, Unroutable,
  UpstreamHeadTooLarge, UpstreamProtocol, UpstreamTerminated, UpstreamTimeout
} from '../../errors.js'

type Refusal = new (options: { cause: unknown }) => Error

/** What node's and undici's codes mean to a client. RFC 9209, 2.3 names the same cases. */
const BY_CODE: Readonly<Record<string, Refusal>> = {
  ECONNREFUSED: ConnectionRefused,
  ENOTFOUND: DnsFailed,
  EAI_AGAIN: DnsFailed,
  ENETUNREACH: Unroutable,
  EHOSTUNREACH: Unroutable,
  EADDRNOTAVAIL: Unroutable,
  EACCES: Unroutable,
  ETIMEDOUT: ConnectTimeout,
  UND_ERR_CONNECT_TIMEOUT: ConnectTimeout,
  UND_ERR_HEADERS_TIMEOUT: UpstreamTimeout,
  UND_ERR_BODY_TIMEOUT: UpstreamTimeout,
  UND_ERR_HEADERS_OVERFLOW: UpstreamHeadTooLarge,
  HPE_HEADER_OVERFLOW: UpstreamHeadTooLarge, // node's client
  ERR_INVALID_CHAR: UpstreamProtocol, // node does not write a field of the response
  ERR_INVALID_HTTP_TOKEN: UpstreamProtocol,
  ERR_HTTP_INVALID_STATUS_CODE: UpstreamProtocol,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: UpstreamProtocol, // also what undici calls a head with two lengths
  ECONNRESET: UpstreamTerminated,
  EPIPE: UpstreamTerminated,
  UND_ERR_CLOSED: UpstreamTerminated,
  UND_ERR_DESTROYED: UpstreamTerminated,
  EPROTO: TlsFailed,
  EMFILE: OutOfConnections,
  ENFILE: OutOfConnections,
  ENOBUFS: OutOfConnections,
  ENOMEM: OutOfConnections,
  EINVAL: RefusedCall,
  ERR_INVALID_IP_ADDRESS: RefusedCall,
  UND_ERR_INVALID_ARG: RefusedCall
}

/**
 * What a failure towards the target is called towards the client: one of ours, with the cause kept
 * for the log and without the address that node puts into its messages.
 */
export function upstreamError (cause: unknown): Error {
  const { code, statusCode } = cause as { code?: unknown, statusCode?: unknown }
  if (typeof code !== 'string') return new UpstreamProtocol({ cause })
  if (code.startsWith('FST_PROXY_AUTH_') && typeof statusCode === 'number') return cause as Error
  const Known = BY_CODE[code]
  if (Known !== undefined) return new Known({ cause })
  if (code.startsWith('HPE_')) return new UpstreamProtocol({ cause })
  if (code === 'UND_ERR_SOCKET') return new (badAnswer(cause) ? UpstreamProtocol : UpstreamTerminated)({ cause })
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|CRL_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/.test(code)) return new TlsFailed({ cause })
  return new UpstreamTerminated({ cause })
}

/**
 * undici has one code for a socket that closed and for a response that it could not take.
 *
 * @quirk undici-one-socket-code
 */
function badAnswer (cause: unknown): boolean {
  return (cause as Error).message.startsWith('bad ')
}
