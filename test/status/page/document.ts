import { createHash } from 'node:crypto'
import t from 'tap'
import { statusDocument } from '../../../lib/status/page/document.js'

const { html, policy } = statusDocument()

t.test('script and style: the policy allows them by their hashes, and nothing else', async t => {
  for (const [element, directive] of [['script', 'script-src'], ['style', 'style-src']] as const) {
    const found = [...html.matchAll(new RegExp(`<${element}>([^]*?)</${element}>`, 'g'))]
    t.equal(found.length, 1)
    const hash = createHash('sha256').update(found[0]![1]!).digest('base64')
    t.ok(policy.split('; ').includes(`${directive} 'sha256-${hash}'`), directive)
  }
  for (const part of ["default-src 'none'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]) t.ok(policy.split('; ').includes(part), part)
})

t.test('the page: it names nothing elsewhere, and has no handler or style in an attribute', async t => {
  t.notMatch(html, /\b(?:src|href|action)="(?!#|data:,")/)
  t.notMatch(html, /<[^>]* (?:on\w+|style)=/)
  t.strictSame([...html.matchAll(/https?:\/\/[^'"\s]+/g)].map(([url]) => url), ['http://www.w3.org/2000/svg'], 'the name of a namespace')
})

t.test('the page: it has a language, a title, one heading of the first rank, and labels', async t => {
  t.match(html, /<html lang="en">/)
  t.match(html, /<title>Proxy status<\/title>/)
  t.equal(html.match(/<h1/g)?.length, 1)
  for (const [, id] of html.matchAll(/<label for="(\w+)">/g)) t.ok(html.includes(`id="${id!}"`), id!)
  for (const [, id] of html.matchAll(/<input id="(\w+)"/g)) t.ok(html.includes(`<label for="${id!}">`), id!)
})
