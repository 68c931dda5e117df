import type { IncomingMessage } from 'node:http'

/** Whether the head of a message announces content. Over HTTP/2 there may be some all the same. */
export function announcesContent ({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers
  return coding !== undefined || Number(length) !== 0
}
