import { ReflectionFlag, ReflectionKind } from 'typedoc'
import type { CommentTag, DeclarationReflection, ProjectReflection } from 'typedoc'

/** Takes off what would be repeated on each page, or says nothing to a reader. */
export function tidy (project: ProjectReflection): void {
  for (const type of project.getReflectionsByKind(ReflectionKind.Class) as DeclarationReflection[]) {
    // "Abstract" would be part of the heading, and so of the anchor.
    type.setFlag(ReflectionFlag.Abstract, false)
    if (type.parent!.name === 'errors') {
      delete type.extendedTypes
      delete type.typeHierarchy
    }
    withoutInherited(type)
  }
  for (const { comment } of project.getReflectionsByKind(ReflectionKind.All)) comment?.blockTags.filter(({ tag }) => tag === '@throws').forEach((tag) => nameError(tag, project))
  for (const { type } of project.getReflectionsByKind(ReflectionKind.Variable) as DeclarationReflection[]) {
    if (type?.type === 'reference' && type.name === 'FastifyErrorConstructor') delete type.typeArguments
  }
}

/** What a strategy has from the base class is on the page of that. */
function withoutInherited (type: DeclarationReflection): void {
  const isOwn = (member: DeclarationReflection) => member.kind === ReflectionKind.Constructor || (member.inheritedFrom ?? member.overwrites) === undefined
  const own = new Set(type.children?.filter(isOwn))
  type.children = [...own]
  for (const group of type.groups ?? []) group.children = group.children.filter((member) => own.has(member as DeclarationReflection))
  type.groups = type.groups?.filter(({ children }) => children.length > 0)
  for (const member of own) {
    for (const each of [member, ...member.signatures ?? []]) {
      delete each.inheritedFrom
      delete each.overwrites
    }
  }
}

/** Puts the class of an error, which TypeDoc takes for a type, before what is told of it. */
function nameError (tag: CommentTag, project: ProjectReflection): void {
  const name = tag.typeAnnotation?.replace(/[{}]/g, '')
  if (name === undefined) return
  const target = project.getChildByName(['errors', name])
  const named = target === undefined ? { kind: 'code', text: `\`${name}\`` } as const : { kind: 'inline-tag', tag: '@link', text: name, target } as const
  tag.content.unshift(named, { kind: 'text', text: ': ' })
  delete tag.typeAnnotation
}
