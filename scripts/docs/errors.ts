import type { DeclarationReflection, ProjectReflection } from 'typedoc'
import type { FastifyError } from '@fastify/error'
import * as registry from '../../lib/errors.js'
import { REASON_PHRASES } from '../../lib/proxy/connect/reason-phrases.js'
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

const PHRASES = `## Status lines of a refused CONNECT

Over HTTP/1.1 the status line of a refused CONNECT says why, because many clients show nothing else of it: see
[what each client prints](../guide/policy.md#what-clients-print). A reason of a rule or of \`check\` takes the place of the
text, if it is printable ASCII; it is cut at 120 chars. The text of \`FST_PROXY_AUTH_REQUIRED\` goes with a 407 for wrong
credentials; one that asks for credentials has the usual \`Proxy Authentication Required\`. The option
[\`connect.reasonPhrases\`](options.md#tunnels) has other texts in their place, or none.
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
  return `${GENERATED}\n\n${INTRODUCTION}\n${table(['Code', 'Status', 'Class', 'When'], sorted.map(({ cells }) => cells))}\n\n${PHRASES}\n${phrases()}\n`
}

function phrases (): string {
  return table(['Code', 'Text'], Object.entries(REASON_PHRASES).map(([code, text]) => [`\`${code}\``, text]))
}

/** In the order of the source: those of the boot first, those of the target last. An import has them by name. */
function inOrder<Row extends { readonly cells: readonly string[] }> (module: DeclarationReflection, rows: readonly Row[]): readonly Row[] {
  const names = module.children!.map(({ name }) => name)
  const place = ({ cells }: Row) => names.findIndex((name) => cells[2]!.startsWith(`[\`${name}\``))
  return [...rows].sort((a, b) => place(a) - place(b))
}
