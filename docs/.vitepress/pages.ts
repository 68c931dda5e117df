import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DefaultTheme } from 'vitepress'

// Which pages the site has, in which order, and where it has them. All paths are those of the repository.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** By heading, the pages of the sidebar. A folder stands for those of its pages that are not named by themselves. A README has those of its folder below it. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Guide: [
    'docs/guide/forward-proxy.md', 'docs/guide/reverse-routes.md', 'docs/guide/parents.md', 'docs/guide/tls-and-http2.md', 'docs/guide/hook.md',
    'docs/guide/other-plugins.md', 'docs/guide/accounts.md', 'docs/guide/policy.md', 'docs/guide/limits.md', 'docs/guide/operations.md', 'docs/guide/several-processes.md', 'docs/guide/events.md',
    'docs/guide/metrics.md', 'docs/guide/status-page.md', 'docs/guide/testing.md',
    'docs/guide/performance.md', 'docs/guide/demo.md', 'docs/guide/client-settings.md', 'docs/guide/recipes.md'
  ],
  Schemes: [
    'docs/schemes/basic.md', 'docs/schemes/bearer.md', 'docs/schemes/digest.md', 'docs/schemes/ntlm.md', 'docs/schemes/negotiate.md',
    'docs/schemes/aws4.md', 'docs/schemes/client-certificates.md', 'docs/schemes/passport-strategies.md', 'docs/schemes/own-strategy.md'
  ],
  Reference: ['docs/reference/options.md', 'docs/reference/errors.md', 'docs/reference/log-lines.md', 'docs/reference/api/README.md'],
  'Security and clients': ['docs/security.md', 'docs/clients.md'],
  Project: ['CHANGELOG.md', 'SECURITY.md', 'CONTRIBUTING.md'],
  Internals: ['docs/internals/architecture.md', 'docs/internals']
}
const named = Object.values(GROUPS).flat()

/** All pages: those of docs, and of the repository itself those that the sidebar names. */
const pages = [...markdownIn('docs'), ...named.filter(path => !path.startsWith('docs/'))]

/** Where the site has a page: `docs/guide/hook.md` at `guide/hook.md`, `SECURITY.md` at `project/security.md`, a README as the index of its folder. */
export function placeOf (path: string): string {
  return path.startsWith('docs/') ? path.slice('docs/'.length).replace(/\/README\.md$/, '/index.md') : `project/${path.toLowerCase()}`
}

/** The page that the site has at a place; of a page, the page itself. */
export function pageAt (place: string): string {
  return pages.find(path => placeOf(path) === place) ?? place
}

/** The headings with their pages. Fails where a page is named that is not there, or is there and not named. */
export function sidebar (): DefaultTheme.SidebarItem[] {
  const shown = new Set(['docs/index.md'])
  const itemOf = (path: string): DefaultTheme.SidebarItem => {
    shown.add(path)
    const item = { text: titleOf(path), link: `/${placeOf(path)}` }
    if (basename(path) !== 'README.md') return item
    const below = unnamedIn(dirname(path)).map(itemOf).map(({ text, ...rest }) => ({ ...rest, text: text!.replace(`${item.text}: `, '') }))
    return { ...item, collapsed: true, items: below }
  }
  const groups = Object.entries(GROUPS).map(([text, paths]) => {
    const items = paths.flatMap(path => path.endsWith('.md') ? path : unnamedIn(path)).map(itemOf)
    return { text, collapsed: text === 'Internals', items }
  })
  const missing = pages.filter(path => !shown.has(path))
  if (missing.length > 0) throw new Error(`The sidebar has no ${missing.join(', ')}`)
  return groups
}

/** Where a link of a page leads on the site; `undefined`: to a file of the repository that the site does not have. Fails where there is none. */
export function linkFrom (page: string, link: string): string | undefined {
  const [, path, rest] = /^([^#?]*)(.*)$/.exec(link)!
  const target = posix.normalize(posix.join(posix.dirname(page), decodeURIComponent(path!)))
  if (target === 'README.md') return `/${rest}`
  if (pages.includes(target)) return `/${placeOf(target)}${rest}`
  if (existsSync(join(root, target))) return undefined
  throw new Error(`${page} has a dead link: ${link}`)
}

/** Whether a page has parts. */
export function hasHeadings (path: string): boolean {
  return /^## /m.test(textOf(path))
}

function unnamedIn (folder: string): string[] {
  return markdownIn(folder).filter(path => !named.includes(path))
}

function markdownIn (folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.md') && !path.startsWith('.')).map(path => `${folder}/${path}`).sort()
}

function textOf (path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function titleOf (path: string): string {
  const [, title] = /^# (.+)$/m.exec(textOf(path)) ?? []
  if (title === undefined) throw new Error(`${path} has no title`)
  return title.replaceAll('`', '')
}
