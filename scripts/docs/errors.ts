import type { DeclarationReflection, ProjectReflection } from 'typedoc'
import type { FastifyError } from '@fastify/error'
import * as registry from '../../lib/errors.js'
import { GENERATED, linkTo, markdownOf, table } from './text.js'

type ErrorClass = new (wait: number) => FastifyError

const INTRODUCTION = `# Errors

Every error of this package has a \`code\` and a \`statusCode\`, and is an instance of the class by its name, which the
package exports. No message holds anything that a client sent. An error handler of the application sees them: see
[The hook](../guide/hook.md).

\`instanceof\` and \`code\` tell them apart:

\`\`\`ts
import { TargetDenied } from 'fastify-proxy-auth'
import type { FastifyError } from 'fastify'

export function isDenied (error: FastifyError): boolean {
  return error instanceof TargetDenied // or error.code === 'FST_PROXY_AUTH_TARGET_DENIED'
}
\`\`\`
`

/**
 * Writes the page on errors: the codes and statuses are those of the registry, the texts its comments.
 *
 * @throws {Error} An error has no comment.
 */
export function errorsPage (project: ProjectReflection): string {
  const module = project.children!.find(({ name }) => name === 'errors')!
  const rows = Object.entries(registry).map(([name, Class]) => {
    const { code, statusCode } = new (Class as ErrorClass)(1)
    const reflection = module.getChildByName(name) as DeclarationReflection | undefined
    const text = markdownOf(reflection?.comment?.summary ?? [])
    if (text === '') throw new Error(`the error ${name} has no comment`)
    return { status: statusCode!, cells: [`\`${code}\``, String(statusCode), `[\`${name}\`](${linkTo(reflection!)!})`, text] }
  })
  const sorted = inOrder(module, rows)
  return `${GENERATED}\n\n${INTRODUCTION}\n${table(['Code', 'Status', 'Class', 'When'], sorted.map(({ cells }) => cells))}\n`
}

/** In the order of the source: those of the boot first, those of the target last. An import has them by name. */
function inOrder<Row extends { readonly cells: readonly string[] }> (module: DeclarationReflection, rows: readonly Row[]): readonly Row[] {
  const names = module.children!.map(({ name }) => name)
  const place = ({ cells }: Row) => names.findIndex((name) => cells[2]!.startsWith(`[\`${name}\``))
  return [...rows].sort((a, b) => place(a) - place(b))
}
