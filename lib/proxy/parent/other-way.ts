/** Takes another way, after a failure of one by which nothing was sent. */
export type OtherWay = (failure: Error) => void

/** No connection came of it: to the target, to the parent, or through that. */
const UNREACHED = /^FST_PROXY_AUTH_(?:DNS|DNS_TIMEOUT|CONNECTION_REFUSED|UNROUTABLE|CONNECT_TIMEOUT|TLS|UPSTREAM_TERMINATED|PARENT_UNREACHABLE|PARENT_TIMEOUT|PARENT_PROTOCOL)$/

/**
 * Whether a request of which nothing has been sent may go another way, after a failure of this one.
 * What is refused stays so: the target by a policy, ours or the parent's, and our credentials.
 *
 * @param failure - One of ours.
 */
export function mayGoAnotherWay (failure: Error): boolean {
  const { code = '', statusCode } = failure as { code?: string, statusCode?: number }
  if (code === 'FST_PROXY_AUTH_PARENT_DENIED') return statusCode !== 403
  return UNREACHED.test(code)
}
