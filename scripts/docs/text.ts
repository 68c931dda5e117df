import type { Comment, CommentDisplayPart, DeclarationReflection, Reflection } from 'typedoc'
import { ReflectionKind } from 'typedoc'
import GithubSlugger from 'github-slugger'

/** The text of a comment as markdown. Links lead from `docs/reference/` to the pages of the API. */
export function markdownOf (parts: readonly CommentDisplayPart[]): string {
  return parts.map((part) => {
    if (part.kind !== 'inline-tag') return part.text
    const { target, text, tsLinkText = text } = part
    const words = tsLinkText.trim() === '' ? text : tsLinkText
    if (typeof target === 'string') return `[${words}](${target})`
    const link = target === undefined || !('kind' in target) ? null : linkTo(target)
    if (link === null) throw new Error(`{${part.tag} ${text}} leads nowhere`)
    return `[\`${words}\`](${link})`
  }).join('').trim()
}

/** In what order a page has the kinds of what it is about. */
const KINDS = [ReflectionKind.Class, ReflectionKind.Interface, ReflectionKind.TypeAlias, ReflectionKind.Variable, ReflectionKind.Function]

/** Where the API says what it is, from `docs/reference/`; `null` for what is not on its pages. */
export function linkTo (target: Reflection): string | null {
  const module = target.parent as DeclarationReflection | undefined
  if (module?.kind !== ReflectionKind.Module) return null
  const slug = slugOf(target.name)
  // Of two headings with one anchor, the later has a number: `NtlmAuth` and `ntlmAuth()`.
  const place = ({ kind }: Reflection) => KINDS.indexOf(kind)
  const before = module.children!.filter((each) => slugOf(each.name) === slug && place(each) < place(target)).length
  return `api/${module.name}.md#${slug}${before > 0 ? `-${before}` : ''}`
}

/** The anchor of a heading that is the only one of its name on a page. */
export function slugOf (heading: string): string {
  return new GithubSlugger().slug(heading)
}

/** The text of a block tag, `null` where the comment has none. */
export function tagOf (comment: Comment | undefined, tag: `@${string}`): string | null {
  const found = comment?.blockTags.find((each) => each.tag === tag)
  return found === undefined ? null : markdownOf(found.content)
}

/** A row of a table. What would end a cell is escaped; lines and paragraphs become one. */
export function row (cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replace(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')).join(' | ')} |`
}

/** A table with its head. */
export function table (head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

/** The first line of each page that is generated. */
export const GENERATED = '<!-- Written by `npm run docs` from the comments in lib. Edit those. -->'
