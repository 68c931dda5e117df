// The servers and the load, compiled: a process that is measured has no compiler in it.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Plugin } from 'esbuild'

const place = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Which library is measured: the built one, or the sources as they are. */
export type Library = 'built' | 'sources' | { readonly path: string }

/** Compiles what runs in processes of its own, and leaves out the packages. */
export async function compile (outdir: string, library: Library): Promise<void> {
  const servers = readdirSync(place('./servers')).map((file) => place(`./servers/${file}`))
  await build({
    entryPoints: library === 'built' || library === 'sources' ? [...servers, place('./load/main.ts')] : [place('./servers/gateway.ts')],
    entryNames: '[name]',
    outdir,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'warning',
    plugins: [naming(library)]
  })
}

/** What the name of the library means. */
function naming (library: Library): Plugin {
  const found = library === 'built' ? { path: 'fastify-proxy-auth', external: true } : library === 'sources' ? { path: place('../lib/index.ts') } : { path: library.path, external: true }
  return { name: 'library', setup: ({ onResolve }) => { onResolve({ filter: /^fastify-proxy-auth$/ }, () => found) } }
}
