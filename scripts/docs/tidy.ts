import { ReflectionFlag, ReflectionKind } from 'typedoc'
import type { DeclarationReflection, ProjectReflection } from 'typedoc'

/** Takes off what would be repeated on each page, or says nothing to a reader. */
export function tidy (project: ProjectReflection): void {
  for (const type of project.getReflectionsByKind(ReflectionKind.Class) as DeclarationReflection[]) {
    // "Abstract" would be part of the heading, and so of the anchor.
    type.setFlag(ReflectionFlag.Abstract, false)
    if (type.parent!.name === 'errors') delete type.extendedTypes
    for (const member of [...type.children ?? []]) {
      // A strategy has what the base class has: it is told there.
      if (member.kind !== ReflectionKind.Constructor && (member.inheritedFrom ?? member.overwrites) !== undefined) project.removeReflection(member)
      for (const each of [member, ...member.signatures ?? []]) {
        delete each.inheritedFrom
        delete each.overwrites
      }
    }
  }
  for (const { type } of project.getReflectionsByKind(ReflectionKind.Variable) as DeclarationReflection[]) {
    if (type?.type === 'reference' && type.name === 'FastifyErrorConstructor') delete type.typeArguments
  }
}
