import type { TargetScheme } from '../target/check.js'
import { DIRECT, readParent } from './entry.js'
import type { ParentEntry } from './entry.js'
import type { Parent } from './parent.js'
import { readNoProxy } from './no-proxy.js'

/** Which variable is for which requests. */
const SCHEMES: Readonly<Record<'http_proxy' | 'https_proxy', readonly TargetScheme[]>> = {
  http_proxy: ['http'],
  https_proxy: ['https', 'connect']
}
const HAS_SCHEME = /^[a-z][a-z\d+.-]*:\/\//i

/**
 * Reads the parents that the environment names, in the way curl does: `http_proxy`, `https_proxy`,
 * `all_proxy` and `no_proxy`, each in lower case first. Exactly one of the entries fits a target.
 *
 * @param env - `process.env`.
 * @throws {BadOption} A URL is wrong. The error names the variable, never its value.
 * @see {@link https://everything.curl.dev/usingcurl/proxies/env.html The variables of curl}
 */
export function readEnvironment (env: Readonly<Record<string, string | undefined>>): readonly ParentEntry[] {
  const read = reader()
  const except = readNoProxy(valueOf(env, 'no_proxy')?.value ?? '')
  const withParent: TargetScheme[] = []
  const entries: ParentEntry[] = []
  for (const [name, schemes] of Object.entries(SCHEMES)) {
    const variable = valueOf(env, name) ?? valueOf(env, 'all_proxy')
    if (variable === undefined) continue
    entries.push(Object.freeze({ ...read(variable), schemes, except }))
    withParent.push(...schemes)
  }
  if (entries.length === 0) return Object.freeze([DIRECT])
  const withoutParent = Object.values(SCHEMES).flat().filter((scheme) => !withParent.includes(scheme))
  if (withoutParent.length > 0) entries.push(Object.freeze({ ...DIRECT, schemes: withoutParent }))
  entries.push(Object.freeze({ ...DIRECT, schemes: withParent, to: except }))
  return Object.freeze(entries)
}

interface Variable { readonly name: string, readonly value: string }

/** A variable that is empty is none. */
function valueOf (env: Readonly<Record<string, string | undefined>>, name: string): Variable | undefined {
  const names = [name]
  // To a CGI program, HTTP_PROXY is what the client sent as the field `Proxy`.
  if (name !== 'http_proxy' || env['REQUEST_METHOD'] === undefined) names.push(name.toUpperCase())
  for (const each of names) if (env[each]) return { name: each, value: env[each] }
  return undefined
}

/** Of one URL for several schemes there is one parent. Two at one host and port need two names. */
function reader (): (variable: Variable) => ParentEntry {
  const byUrl = new Map<string, ParentEntry>()
  const names = new Set<string>()
  return ({ name: variable, value }) => {
    const url = HAS_SCHEME.test(value) ? value : `http://${value}`
    const known = byUrl.get(url)
    if (known !== undefined) return known
    // To curl, socks5: says that it resolves the names itself.
    const options = { url, resolve: /^socks5:/i.test(url) ? 'local' as const : 'parent' as const }
    const first = readParent(options, variable)
    const { name } = first.hop as Parent
    const entry = names.has(name) ? readParent({ ...options, name: `${name} (${variable})` }, variable) : first
    names.add(name)
    byUrl.set(url, entry)
    return entry
  }
}
