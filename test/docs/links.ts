import t from 'tap'
import { allPages, brokenLinks, parsePage, readPage } from '../fixtures/pages.js'

t.test('the links of the pages: each leads to a file that is there, and to a heading that it has', async t => {
  const pages = allPages().map(readPage)
  t.not(pages.flatMap(({ links }) => links).length, 0)
  t.strictSame(brokenLinks(pages), [])
})

t.test('a link that leads nowhere: it is found, however it is written', async t => {
  const page = parsePage('docs/x.md', [
    '# A *title* with `code`', '', '[right](#a-title-with-code) [wrong](#no-such)', '', '## Twice', '## Twice', '',
    '[right](#twice-1) [wrong](#twice-2)', '', '- [wrong](nowhere.md) ![wrong](nowhere.png)', '',
    '[by reference][name] <a href="nowhere.html">wrong</a> [right](https://example.org/#any)', '',
    '[name]: ../README.md#no-such-heading', '', '<a id="own"></a>', '', '[right](#own) [wrong](../../outside.md)', '',
    '```md', '[none](nowhere.md)', '```'
  ].join('\n'))
  t.strictSame(brokenLinks([page, readPage('README.md')]).filter(found => found.startsWith('docs/x.md')).map(found => found.replace(/ \(.*/, '')), [
    'docs/x.md:3: docs/x.md has no heading #no-such',
    'docs/x.md:8: docs/x.md has no heading #twice-2',
    'docs/x.md:10: there is no docs/nowhere.md',
    'docs/x.md:10: there is no docs/nowhere.png',
    'docs/x.md:12: README.md has no heading #no-such-heading',
    'docs/x.md:12: there is no docs/nowhere.html',
    'docs/x.md:18: there is no ../outside.md'
  ])
})
