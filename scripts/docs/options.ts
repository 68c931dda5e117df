import { ReflectionKind } from 'typedoc'
import type { Comment, DeclarationReflection, SomeType } from 'typedoc'
import type { Reading } from './project.js'
import { GROUPS, NO_TABLE } from './sections.js'
import type { Section } from './sections.js'
import { GENERATED, linkTo, markdownOf, slugOf, table, tagOf } from './text.js'

/** An option, as the page has it. */
interface Option {
  readonly name: string
  readonly type: SomeType | undefined
  readonly required: boolean
  readonly comment: Comment | undefined
  readonly reflection: DeclarationReflection | null
}

const SECTIONS: ReadonlyMap<string, Section> = new Map(GROUPS.flatMap(({ sections }) => sections.map((section) => [section.type, section])))

const INTRODUCTION = `# Options

Every option of the plugin, of the strategies and of the functions for accounts: its type, its unit, its default
and what it does. The [types](api/options.md) of the package say the same in an editor.

- Times are whole milliseconds (\`ms\`), at most 2147483647.
- A wrong or unknown option fails the boot with \`FST_PROXY_AUTH_BAD_OPTION\`. The message names the option and says
  what to write instead, never the value. This holds inside \`reverse[]\` too: the names of @fastify/http-proxy and
  @fastify/reply-from are known there.`

/**
 * Writes the page on options.
 *
 * @throws {Error} A type of options has no table, or an option no comment or no default.
 */
export function optionsPage ({ project, milliseconds }: Reading): string {
  const types = new Map(project.getReflectionsByKind(ReflectionKind.Interface | ReflectionKind.TypeAlias).map((type) => [type.name, type as DeclarationReflection]))
  for (const name of types.keys()) {
    if (name.endsWith('Options') && !SECTIONS.has(name) && !NO_TABLE.has(name)) throw new Error(`${name} is a type of options without a table: see scripts/docs/sections.ts`)
  }
  const contents = GROUPS.map(({ title, sections }) => `**${title}:** ${sections.map((section) => `[${section.title}](#${slugOf(section.title)})`).join(' · ')}`)
  const plugin = GROUPS[0]!.sections.flatMap((section) => {
    const type = types.get(section.type)
    return type === undefined ? [] : optionsOf(type).map(({ name }) => `[\`${section.prefix}${name}\`](#${slugOf(section.title)})`)
  })
  const byName = `**Options of the plugin by name:** ${plugin.sort().join(' · ')}`
  const groups = GROUPS.map(({ title, sections }) => {
    return [`## ${title}`, ...sections.map((section) => writeSection(section, types.get(section.type), milliseconds))].join('\n\n')
  })
  return `${[GENERATED, INTRODUCTION, contents.join('\n\n'), byName, ...groups].join('\n\n')}\n`
}

function writeSection ({ title, type: name, prefix, note }: Section, type: DeclarationReflection | undefined, milliseconds: Reading['milliseconds']): string {
  if (type === undefined) throw new Error(`there is no exported type ${name}`)
  const rows = optionsOf(type).map((option) => {
    const full = `\`${prefix}${option.name}\``
    const text = markdownOf(option.comment?.summary ?? [])
    if (text === '') throw new Error(`${name}: the option ${full} has no comment`)
    return [full, format(option.type), option.reflection !== null && milliseconds.has(option.reflection) ? 'ms' : tagOf(option.comment, '@unit') ?? '', defaultOf(option, full), text]
  })
  const about = [markdownOf(type.comment?.summary ?? []), note ?? ''].filter((text) => text !== '').join(' ')
  return [`### ${title}`, about, table(['Option', 'Type', 'Unit', 'Default', 'Meaning'], rows)].filter((text) => text !== '').join('\n\n')
}

/** The members of a type, of what it extends and of all parts of an intersection: ours, in the order of the source. */
function optionsOf (type: DeclarationReflection): Option[] {
  if (type.children !== undefined) {
    const [own, inherited] = [false, true].map((other) => type.children!.filter(({ inheritedFrom }) => (inheritedFrom !== undefined) === other))
    return [...inherited!, ...own!].map((child) => optionOf(child, !child.flags.isOptional))
  }
  return type.type === undefined ? [] : optionsIn(type.type, true)
}

function optionsIn (type: SomeType, required: boolean): Option[] {
  if (type.type === 'intersection' || type.type === 'union') return type.types.flatMap((each) => optionsIn(each, required))
  if (type.type === 'reflection') return (type.declaration.children ?? []).map((child) => optionOf(child, required && !child.flags.isOptional))
  if (type.type === 'mapped') return [mapped(type.parameterType, type.templateType)]
  if (type.type !== 'reference') return []
  // Where the default does not have the shape of `ProxyUser`, they are required.
  if (type.name === 'Defaulting') return optionsIn(type.typeArguments![1]!, false)
  return type.reflection === undefined ? [] : optionsOf(type.reflection as DeclarationReflection)
}

function optionOf (child: DeclarationReflection, required: boolean): Option {
  return { name: child.name, type: child.type, required, comment: child.comment, reflection: child }
}

/** An option for each of the words of a type. They have one comment, that of the type of their values. */
function mapped (parameter: SomeType, template: SomeType): Option {
  const words = wordsOf(parameter)
  const comment = template.type === 'reference' ? (template.reflection as DeclarationReflection).comment : undefined
  return { name: words.join('`, `'), type: template, required: false, comment, reflection: null }
}

function defaultOf ({ type, required, comment }: Option, name: string): string {
  if (required) return 'required'
  const told = tagOf(comment, '@defaultValue')
  if (told !== null) return told
  if (sectionOf(type) === undefined) throw new Error(`the option ${name} has no @defaultValue`)
  return '`{}`'
}

/** The table that has the members of a type. */
function sectionOf (type: SomeType | undefined): Section | undefined {
  return type?.type === 'reference' ? SECTIONS.get(type.name) : undefined
}

/** A type in the words of the page: `'a'` or `'b'`, a list, an object that has a table, a type of the API. */
function format (type: SomeType | undefined): string {
  if (type === undefined) return ''
  const words = wordsOf(type)
  if (words.length > 0) return alternatives(words.map((word) => `\`${word}\``))
  const section = sectionOf(type)
  if (section !== undefined) return `[object](#${slugOf(section.title)})`
  switch (type.type) {
    case 'union': return alternatives(type.types.map(format))
    case 'typeOperator': return format(type.target)
    case 'array': return type.elementType.type === 'intrinsic' ? `\`${type.elementType.name}[]\`` : `list of ${plural(format(type.elementType))}`
    case 'intrinsic': return `\`${type.name}\``
    case 'reflection': return `\`${signature(type.declaration)}\``
    case 'reference': return reference(type.name, type)
    case 'query': return `\`${type.toString()}\``
    default: return `\`${type.toString()}\``
  }
}

function reference (name: string, type: SomeType & { type: 'reference' }): string {
  if (name === 'ReadonlyArray') return format({ ...type, type: 'array', elementType: type.typeArguments![0] } as never)
  const link = type.reflection === undefined ? null : linkTo(type.reflection)
  if (link !== null) return `[\`${name}\`](${link})`
  const all = name === 'Uint8Array' ? [] : type.typeArguments?.map((each) => each.toString()) ?? []
  return `\`${name}${all.length > 0 ? `<${all.join(', ')}>` : ''}\``
}

/** The words of a type that is one of some: `'a' | 'b'`, also by a name for them. */
function wordsOf (type: SomeType): string[] {
  if (type.type === 'literal') return [typeof type.value === 'string' ? `'${type.value}'` : String(type.value)]
  if (type.type === 'union') {
    const words = type.types.map(wordsOf)
    return words.every(({ length }) => length > 0) ? words.flat() : []
  }
  if (type.type !== 'reference' || type.reflection === undefined) return []
  const { type: meaning } = type.reflection as DeclarationReflection
  return meaning === undefined || meaning.type === 'reference' ? [] : wordsOf(meaning)
}

function signature (declaration: DeclarationReflection): string {
  const [call] = declaration.signatures ?? []
  if (call === undefined) return 'object'
  return `(${call.parameters?.map(({ name }) => name).join(', ') ?? ''}) => ${call.type?.toString() ?? 'void'}`
}

function alternatives (all: readonly string[]): string {
  return all.length < 2 ? all.join('') : `${all.slice(0, -1).join(', ')} or ${all.at(-1)!}`
}

function plural (text: string): string {
  return text.replace('[object]', '[objects]')
}
