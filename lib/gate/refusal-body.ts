import { STATUS_CODES } from 'node:http'

/** A body with its media type. */
export interface Body {
  readonly type: string
  readonly text: string
}

/** The bodies of one refusal, made once: nothing in them depends on the request, so nothing of it can be in them. */
export interface Bodies {
  /** The one that `Accept` prefers; plain text for CONNECT, where no client shows it (RFC 9110, 12.5.1). */
  choose (accept: string | undefined, method: string): Body
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Makes the bodies of a 407 or 401: plain text, a small HTML page, a problem document (RFC 9457).
 *
 * @param realm - As configured; escaped where it is written.
 */
export function refusalBodies (status: 407 | 401, realm: string): Bodies {
  const title = STATUS_CODES[status]!
  const detail = status === 407
    ? 'This proxy wants to know who you are. Set a user name and password for the proxy in your client.'
    : 'This service wants to know who you are.'
  const text = { type: 'text/plain; charset=utf-8', text: `${status} ${title}\n\n${detail}\nRealm: ${realm}\n` }
  const html = { type: 'text/html; charset=utf-8', text: page(`${status} ${title}`, detail, realm) }
  const problem = {
    type: 'application/problem+json',
    text: JSON.stringify({ type: 'about:blank', title, status, detail })
  }
  // With each body the ranges that ask for it, the most specific first: that one decides (RFC 9110, 12.5.1).
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
      let quality = 0
      for (const [body, asking] of offered) {
        const range = asking.find(name => ranges.has(name))
        const q = range === undefined ? 0 : ranges.get(range)!
        if (q > quality) [best, quality] = [body, q]
      }
      return best
    }
  }
}

/** The media ranges of `Accept` with their qualities. Other parameters are left out of account. */
function readAccept (accept: string): Map<string, number> {
  const ranges = new Map<string, number>()
  for (const member of accept.slice(0, 1024).split(',')) {
    const [range, ...params] = member.split(';')
    const q = params.find(param => /^\s*q=/i.test(param))
    const quality = q === undefined ? 1 : Number(q.slice(q.indexOf('=') + 1))
    ranges.set(range!.trim().toLowerCase(), Number.isNaN(quality) ? 0 : Math.min(quality, 1))
  }
  return ranges
}

function page (title: string, detail: string, realm: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1.5rem }
h1 { font-size: 1.4rem; margin: 0 0 .75rem }
p { margin: 0 0 .75rem }
</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${detail}</p>
<p>Realm: <strong>${realm.replace(/[&<>"']/g, char => ESCAPES[char]!)}</strong></p>
</main>
</body>
</html>
`
}
