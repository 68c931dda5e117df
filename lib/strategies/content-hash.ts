import { hash } from 'node:crypto'
import type { AttemptRequest } from './strategy.js'

/**
 * The hash of the content of a request, where one was made; of no content, where that is
 * certain.
 *
 * @param nodeHash - By node's name.
 * @returns In lower-case hex; `null`: the content was not read, so nothing can be verified.
 * @example
 * hashOfContent({ method: 'CONNECT', headers: {} }, 'sha256') // the hash of nothing
 */
export function hashOfContent (
  { contentHash, method, headers, httpVersion }: AttemptRequest, nodeHash: string
): string | null {
  const given = contentHash?.[nodeHash]
  if (given !== undefined) return given
  const length = headers['content-length']
  // HTTP/1 says in the head whether content follows. HTTP/2 does not, unless there is a length.
  const none = method === 'CONNECT' || length === '0' ||
    (length === undefined && headers['transfer-encoding'] === undefined && httpVersion?.startsWith('1.') === true)
  return none ? hash(nodeHash, '', 'hex') : null
}
