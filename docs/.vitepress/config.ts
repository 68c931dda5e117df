import { defineConfig } from 'vitepress'
import { hasHeadings, linkFrom, pageAt, placeOf, sidebar } from './pages.js'

// The site: the same markdown as on a code host. `npm run docs:site` builds it into .site, and fails at a dead link.
export default defineConfig({
  title: 'fastify-proxy-auth',
  description: 'Proxy authentication for Fastify gateways',
  lang: 'en',
  srcDir: '..',
  srcExclude: ['!(docs)/**/*', 'README.md'],
  outDir: '../.site',
  cacheDir: '../node_modules/.vitepress',
  rewrites: placeOf,
  head: [['link', { rel: 'icon', href: 'data:,' }]], // so that no browser asks for one
  markdown: {
    anchor: { slugify: slugOf },
    config: markdown => {
      markdown.core.ruler.push('links of the repository', ({ tokens, env: { relativePath } }) => {
        for (const { children } of tokens) relink(children ?? [], pageAt(relativePath))
      })
    }
  },
  transformPageData ({ relativePath, frontmatter }) {
    frontmatter['aside'] = hasHeadings(pageAt(relativePath)) // which lists them
  },
  vite: { build: { chunkSizeWarningLimit: 1000 } }, // KB: the index of the search
  themeConfig: {
    sidebar: sidebar(),
    nav: [
      { text: 'Guide', link: '/guide/forward-proxy.md' },
      { text: 'Options', link: '/reference/options.md' },
      { text: 'Security', link: '/security.md' }
    ],
    outline: [2, 3],
    search: {
      provider: 'local',
      options: {
        // Without the colours of code, which the index has no use for and which take longest.
        _render (text, env, markdown) {
          const { highlight } = markdown.options
          markdown.options.highlight = null
          const html = markdown.render(text, env)
          markdown.options.highlight = highlight!
          return html
        }
      }
    }
  }
})

/** The anchor of a heading, as code hosts have it, so that a link to it works on both. */
function slugOf (heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '').replaceAll(' ', '-')
}

interface Token {
  readonly type: string
  tag: string
  attrs: Array<[string, string]> | null
}

/** Gives links the targets that the site has. A link to a file that it does not have becomes text. */
function relink (tokens: readonly Token[], page: string): void {
  let isText = false
  for (const token of tokens) {
    if (token.type === 'link_open') {
      const { href } = Object.fromEntries(token.attrs ?? [])
      if (href === undefined || /^(?:[a-z]+:|#)/i.test(href)) continue
      const link = linkFrom(page, href)
      isText = link === undefined
      token.attrs = isText ? [] : [['href', link!]]
      if (isText) token.tag = 'span'
    } else if (token.type === 'link_close' && isText) {
      token.tag = 'span'
      isText = false
    }
  }
}
