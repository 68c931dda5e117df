import { STATUS_CODES } from 'node:http'
import { badOption, checkObject } from '../../check-option.js'

/** The statuses whose page is ours. */
export type PageStatus = 401 | 403 | 407 | 429 | 502 | 503 | 504

/** What a page says, as plain text. */
export interface PageText {
  /**
   * The heading.
   *
   * @defaultValue the status and its name
   */
  readonly title?: string
  /**
   * What the user can do about it.
   *
   * @defaultValue a sentence in English
   */
  readonly detail?: string
  /**
   * The word before the realm (of a 407 or 401) or before the reason.
   *
   * @defaultValue `'Realm'` or `'Reason'`
   */
  readonly label?: string
}

/** Texts of your own in place of ours, by status: 401, 403, 407, 429, 502, 503, 504. */
export type PageOptions = { readonly [Status in PageStatus]?: PageText } & {
  /**
   * The language of the texts, as in `lang` of HTML.
   *
   * @defaultValue `'en'`
   */
  readonly lang?: string
  /**
   * The word before the id that the request has in the log.
   *
   * @defaultValue `'Reference'`
   */
  readonly reference?: string
}

/** The texts of all pages. */
export interface Pages {
  readonly lang: string
  readonly reference: string
  /** By status. */
  readonly texts: Readonly<Record<number, Required<PageText>>>
}

const DETAILS: Readonly<Record<PageStatus, string>> = {
  401: 'This service wants to know who you are.',
  403: 'This proxy does not let you go there.',
  407: 'This proxy wants to know who you are. Set a user name and password for the proxy in your client.',
  429: 'There were too many attempts. Try again later.',
  502: 'This proxy could not get an answer from there.',
  503: 'This proxy cannot answer just now. Try again later.',
  504: 'This proxy waited for an answer from there, and none came.'
}
const OPTIONS = new Set(['lang', 'reference', ...Object.keys(DETAILS)])
const TEXTS = new Set(['title', 'detail', 'label'])
const LANG = /^[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8}){0,4}$/

/**
 * Checks `pages` and fills in our texts.
 *
 * @throws {BadOption} It is wrong.
 */
export function readPages (pages: unknown = {}): Pages {
  const { lang = 'en', reference = 'Reference', ...own }: PageOptions = checkObject(pages as PageOptions, 'pages', OPTIONS)
  if (typeof lang !== 'string' || !LANG.test(lang)) throw badOption('pages.lang', 'a language tag', lang)
  if (typeof reference !== 'string') throw badOption('pages.reference', 'text', reference)
  for (const [status, text] of Object.entries(own)) {
    for (const [name, value] of Object.entries(checkObject(text, `pages.${status}`, TEXTS))) {
      if (typeof value !== 'string') throw badOption(`pages.${status}.${name}`, 'text', value)
    }
  }
  const texts = Object.entries(DETAILS).map(([status, detail]) => [status, {
    title: `${status} ${STATUS_CODES[status]}`,
    detail,
    label: status === '407' || status === '401' ? 'Realm' : 'Reason',
    ...own[Number(status) as PageStatus]
  }] as const)
  return { lang, reference, texts: Object.fromEntries(texts) }
}

/**
 * Writes a page that needs nothing but itself (no icon either, which browsers would ask the proxy
 * for), for light and dark screens, for readers that look at none, and for scripts from either
 * side: the direction is that of the texts.
 *
 * @param value - The realm, or the reason: plain text, whatever is in it.
 * @param id - Of the request. Default none.
 */
export function refusalPage ({ lang, reference, texts }: Pages, status: number, value: string, id?: string): string {
  const { title, detail, label } = texts[status]!
  return `<!doctype html>
<html lang="${lang}" dir="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>${escaped(title)}</title>
<style>
:root { color-scheme: light dark; --ink: #1c1f24; --dim: #565d68; --line: #d5d9df; --mark: #b3470b; --ground: #fafafa }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --dim: #a5acb8; --line: #3a404a; --mark: #f0975b; --ground: #16181c } }
body { background: var(--ground); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; margin: 0 auto; max-width: 34rem; padding: 18vh 1.5rem 2rem }
main { border-inline-start: .25rem solid var(--mark); overflow-wrap: anywhere; padding-inline-start: 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 0 .75rem }
p { margin: 0 }
p + p { border-top: 1px solid var(--line); color: var(--dim); font-size: .9rem; margin-top: 1.25rem; padding-top: .75rem }
strong { color: var(--ink); font-weight: 600; unicode-bidi: plaintext }
</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(detail)}</p>
${labelled(label, value)}${id === undefined ? '' : labelled(reference, id)}
</main>
</body>
</html>
`
}

function labelled (label: string, value: string): string {
  return `<p>${escaped(label)}: <strong>${escaped(value)}</strong></p>`
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped (text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char]!)
}
