import type { Prefix } from '../address/prefix-table.js'
import type { Patterns, Rule } from './rule.js'

const WIDTH = { 4: 32, 6: 128 } as const

/** What may be written, and is probably not meant. A warning names members, and no values. */
export function warningsOf (rules: readonly Rule[]): string[] {
  const decides = rules.find(holdsAll)
  return rules.flatMap((rule) => [
    ...decides !== undefined && rule.index === decides.index + 1 ? [`no request comes to rule "${rule.name}" and those behind it: rule "${decides.name}" holds all`] : [],
    ...isEvadable(rule) ? [`rule "${rule.name}" denies paths, and holds no CONNECT: a tunnel to the same target leads round it`] : [],
    ...(['clients', 'to', 'except'] as const).flatMap((member) => overlaps(rule[member]).map(([inner, outer]) =>
      `rule "${rule.name}": ${member}[${inner}] is within ${member}[${outer}] and says nothing more`))
  ])
}

/** Whether it has no condition. One that allows has always one: it holds two ports. */
function holdsAll ({ index, name, action, reason, special, ...conditions }: Rule): boolean {
  return action !== 'allow' && Object.values(conditions).every((condition) => condition === null)
}

/** Whether it is about paths of targets that tunnels lead to as well. */
function isEvadable ({ action, paths, routes, forms }: Rule): boolean {
  if (action === 'allow' || paths === null || routes !== null) return false
  return forms === null || ['http', 'https', 'websocket'].some((form) => forms.has(form as 'http'))
}

/** Which blocks are within which others, for the same port. */
function overlaps (patterns: Patterns | null): Array<readonly [inner: number, outer: number]> {
  const blocks = (patterns?.all ?? []).flatMap((pattern, index) => pattern.kind === 'prefix' ? [{ ...pattern, index }] : [])
  if (blocks.length < 2) return []
  const byKey = new Map<string, number>()
  for (const { prefix, port, index } of blocks.toReversed()) byKey.set(keyOf(prefix, prefix.length, port), index)
  return blocks.flatMap(({ prefix, port, index }) => {
    for (let length = 0; length <= prefix.length; length++) {
      const outer = byKey.get(keyOf(prefix, length, port))
      if (outer !== undefined && outer !== index) return [[index, outer] as const]
    }
    return []
  })
}

/** A block, and within it all that begin with the same bits. */
function keyOf ({ family, bits }: Prefix, length: number, port: number | '*' | null): string {
  return `${family} ${length} ${bits >> BigInt(WIDTH[family] - length)} ${port}`
}
