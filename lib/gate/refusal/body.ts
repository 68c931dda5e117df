import { STATUS_CODES } from 'node:http'
import { readAccept, weightOf } from '../../fields/accept.js'
import { readPages, refusalPage } from './page.js'
import type { Pages } from './page.js'

/** A body with its media type. */
export interface Body {
  readonly type: string
  readonly text: string
}

/**
 * The bodies of one refusal, made once: nothing in them depends on the request, so nothing of it
 * can be in them.
 */
export interface Bodies {
  /**
   * The one that `Accept` prefers; plain text for CONNECT, where no client shows it (RFC 9110,
   * 12.5.1).
   */
  choose (accept: string | undefined, method: string): Body
}

/**
 * Makes the bodies of a 407 or 401: plain text, a small HTML page, a problem document (RFC 9457).
 *
 * @param realm - As configured; escaped where it is written.
 */
export function refusalBodies (status: 407 | 401, realm: string, pages: Pages = readPages()): Bodies {
  const { title, detail, label } = pages.texts[status]!
  const text = { type: 'text/plain; charset=utf-8', text: `${title}\n\n${detail}\n${label}: ${realm}\n` }
  const html = { type: 'text/html; charset=utf-8', text: refusalPage(pages, status, realm) }
  const problem = {
    type: 'application/problem+json',
    // The title of `about:blank` is the status's own (RFC 9457, 4.2.1).
    text: JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail })
  }
  // With each body the ranges that ask for it, the most specific first: that one decides (RFC 9110,
  // 12.5.1).
  const offered: ReadonlyArray<readonly [Body, readonly string[]]> = [
    [text, ['text/plain', 'text/*', '*/*']],
    [html, ['text/html', 'application/xhtml+xml', 'text/*', '*/*']],
    [problem, ['application/problem+json', 'application/json', 'application/*', '*/*']]
  ]
  return {
    choose (accept, method) {
      if (accept === undefined || method === 'CONNECT') return text
      const ranges = readAccept(accept)
      let best = text
      let weight = 0
      for (const [body, asking] of offered) {
        const own = weightOf(ranges, asking)
        if (own > weight) [best, weight] = [body, own]
      }
      return best
    }
  }
}
