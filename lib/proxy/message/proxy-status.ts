import type { FastifyRequest, onErrorHookHandler } from 'fastify'
import { formatProxyStatus } from '../../fields/proxy-status.js'
import type { ProxyErrorType, ProxyStatusParams } from '../../fields/proxy-status.js'
import { tellableId } from '../../platform/request-id.js'

/** The error types of RFC 9209, 2.3 by our codes. */
const TYPES: Readonly<Record<string, ProxyErrorType>> = {
  FST_PROXY_AUTH_LOOP: 'proxy_loop_detected',
  FST_PROXY_AUTH_DNS: 'dns_error',
  FST_PROXY_AUTH_DNS_TIMEOUT: 'dns_timeout',
  FST_PROXY_AUTH_CONNECTION_REFUSED: 'connection_refused',
  FST_PROXY_AUTH_UNROUTABLE: 'destination_ip_unroutable',
  FST_PROXY_AUTH_CONNECT_TIMEOUT: 'connection_timeout',
  FST_PROXY_AUTH_TLS: 'tls_certificate_error',
  FST_PROXY_AUTH_UPSTREAM_TERMINATED: 'connection_terminated',
  FST_PROXY_AUTH_UPSTREAM_PROTOCOL: 'http_protocol_error',
  FST_PROXY_AUTH_UPSTREAM_HEAD_TOO_LARGE: 'http_response_header_section_size',
  FST_PROXY_AUTH_UPSTREAM_TIMEOUT: 'connection_read_timeout',
  FST_PROXY_AUTH_UPSTREAM_CHALLENGED: 'http_request_denied',
  FST_PROXY_AUTH_OUT_OF_CONNECTIONS: 'connection_limit_reached',
  FST_PROXY_AUTH_REFUSED_CALL: 'proxy_internal_error',
  FST_PROXY_AUTH_CHECK_FAILED: 'proxy_internal_error',
  FST_PROXY_AUTH_CHECK_TIMEOUT: 'proxy_internal_error',
  FST_PROXY_AUTH_LIMIT_REACHED: 'http_request_denied',
  FST_PROXY_AUTH_LIMIT_STORE_FAILED: 'proxy_internal_error',
  FST_PROXY_AUTH_NO_PARENT: 'destination_not_found',
  FST_PROXY_AUTH_PARENT_UNREACHABLE: 'destination_unavailable',
  FST_PROXY_AUTH_PARENT_TIMEOUT: 'connection_timeout',
  FST_PROXY_AUTH_PARENT_PROTOCOL: 'http_protocol_error',
  FST_PROXY_AUTH_PARENT_REFUSED: 'http_request_denied',
  FST_PROXY_AUTH_PARENT_UNPROVEN: 'http_protocol_error',
  FST_PROXY_AUTH_PARENT_DENIED: 'destination_unavailable',
  FST_PROXY_AUTH_PARENT_CREDENTIALS: 'proxy_internal_error',
  FST_PROXY_AUTH_PARENT_CHOICE: 'proxy_internal_error',
  FST_PROXY_AUTH_PARENT_CONTENT: 'proxy_internal_error'
}

/**
 * Where one of our codes stands for several of those types, the cause tells which: node's or
 * undici's code.
 */
const TYPES_BY_CAUSE: Readonly<Record<string, ProxyErrorType>> = {
  EPROTO: 'tls_protocol_error'
}

/**
 * An `onError` hook that says in `Proxy-Status` why a proxy route failed, with the id that the log
 * has, and keeps caches from storing it (RFC 9111, 3.5). Only to users who have authenticated: it
 * shows topology to any client that asks (RFC 9209, 4).
 *
 * @param pseudonym - Names this deployment, as in `Via`.
 */
export function addProxyStatus (pseudonym: string): onErrorHookHandler {
  return (request, reply, error, done) => {
    const params = request.proxyAuth === null ? undefined : paramsOf(error, request)
    if (params !== undefined) reply.header('proxy-status', formatProxyStatus(pseudonym, params))
    // What one user is refused, another may get: `Proxy-Authorization` does not keep a cache in
    // between from sharing it.
    reply.header('cache-control', 'no-store')
    done()
  }
}

const NOT_ASCII = /[^\x20-\x7e]/

interface Failure extends Error {
  readonly code?: string
  readonly statusCode?: number
  readonly reason?: string
  readonly proxyStatus?: ProxyErrorType
  /** The name of the parent proxy whose failure it is. */
  readonly parent?: string
  /** What that responded with. */
  readonly receivedStatus?: number
}

function paramsOf (failure: Failure, request: FastifyRequest): ProxyStatusParams | undefined {
  const { code, reason, parent, receivedStatus = code === 'FST_PROXY_AUTH_UPSTREAM_CHALLENGED' ? 407 : undefined } = failure
  const error = typeOf(failure)
  if (error === undefined) return undefined
  const requestId = tellableId(request)
  return {
    error,
    ...(isPrintable(parent) && { nextHop: parent }),
    ...(receivedStatus !== undefined && { receivedStatus }),
    // A reason that `check` gave may be in any language; the field is ASCII.
    ...(isPrintable(reason) && { details: reason }),
    ...(requestId !== undefined && { requestId })
  }
}

/** Of a parent proxy it says what it would of a target, where there is a cause. */
function typeOf ({ code = '', statusCode, proxyStatus, cause }: Failure): ProxyErrorType | undefined {
  const causing = (cause as Failure | undefined)?.code ?? ''
  const known = proxyStatus ?? TYPES_BY_CAUSE[causing.startsWith('ERR_SSL_') ? 'EPROTO' : causing]
  if (known !== undefined) return known
  if (code === 'FST_PROXY_AUTH_PARENT_DENIED' && statusCode === 403) return 'http_request_denied'
  const ofCause = code.startsWith('FST_PROXY_AUTH_PARENT_') && cause instanceof Error ? typeOf(cause) : undefined
  return ofCause ?? TYPES[code]
}

function isPrintable (text: string | undefined): text is string {
  return text !== undefined && !NOT_ASCII.test(text)
}
