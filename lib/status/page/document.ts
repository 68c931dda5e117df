import { createHash } from 'node:crypto'
import { SCRIPT } from './script.js'
import { STYLE } from './style.js'

/** A page, and the `Content-Security-Policy` that it needs. */
export interface StatusDocument {
  readonly html: string
  readonly policy: string
}

/**
 * The page as it is for each user: what is to be seen comes by its events. It needs nothing but
 * itself and those, and says so: a browser runs no other script there, whatever a name or a reason
 * in the data holds.
 */
export function statusDocument (): StatusDocument {
  const policy = [
    "default-src 'none'",
    "connect-src 'self'",
    `script-src '${hashOf(SCRIPT)}'`,
    `style-src '${hashOf(STYLE)}'`,
    'img-src data:', // the icon that is none, so that browsers ask for none
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'"
  ]
  return { html: documentOf(STYLE, SCRIPT), policy: policy.join('; ') }
}

function hashOf (text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

function documentOf (style: string, script: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>Proxy status</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#exchanges">Skip to what is open</a>
<header>
<h1>Proxy status</h1>
<p id="gateway"></p>
<p id="state" role="status" data-state="waiting">Connecting</p>
<button id="pause" type="button" aria-pressed="false">Pause</button>
</header>
<main>
<noscript><p>This page needs JavaScript. For scripts there is snapshot.json.</p></noscript>
<section aria-labelledby="now">
<h2 id="now" class="unseen">Now</h2>
<p id="summary" class="unseen" aria-live="polite"></p>
<dl id="tiles"></dl>
</section>
<form id="search" role="search">
<label for="filter">Filter</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="User, target, client, reason, id">
</form>
<div id="tables"></div>
</main>
<script>${script}</script>
</body>
</html>
`
}
