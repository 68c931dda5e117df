import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, transform } from 'esbuild'
import { AS_ONE_FILE } from '../../test/fixtures/own-program.js'

/** Where what is compiled lies. */
export const FOLDER = '.compiled'
/** `lib` and `test`, and what the tests import of the rest. */
const SOURCES = ['lib', 'test', 'scripts', 'bench', 'demo', 'examples']

/** Has node find the library by its name in what is compiled, as the demo and the examples import it. */
const MANIFEST = { name: 'fastify-proxy-auth', type: 'module', exports: { [AS_ONE_FILE]: './one-file.js', default: './lib/index.js' } }
const TARGET = 'node20.19'

/** Where the compiled form of a source is. */
export const compiled = (source: string): string => `${FOLDER}/${source.replace(/\.ts$/, '.js')}`

/**
 * Compiles all that the tests import, once for all processes of a run. A loader that compiles as it goes takes more than a second of
 * each of them, and there are some four hundred.
 *
 * `import.meta` tells the place of the source, so what a test reads or starts beside itself is found there.
 */
export async function compile (): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true })
  await writeFile(await placeFor('package.json'), JSON.stringify(MANIFEST))
  await build({
    entryPoints: ['lib/index.ts'], outfile: `${FOLDER}/one-file.js`, bundle: true, packages: 'external', format: 'esm', platform: 'node', target: TARGET
  })
  const paths = await Promise.all(SOURCES.map(async folder => {
    return (await readdir(folder, { recursive: true })).map(path => `${folder}/${path}`)
  }))
  await Promise.all(paths.flat().filter(path => !path.startsWith('test/types/')).map(async path => {
    if (path.endsWith('.ts')) await compileFile(path)
    else if (/\.(?:json|mjs)$/.test(path)) await copyFile(path, await placeFor(path))
  }))
}

async function placeFor (source: string): Promise<string> {
  const target = compiled(source)
  await mkdir(dirname(target), { recursive: true })
  return target
}

async function compileFile (source: string): Promise<void> {
  const target = await placeFor(source)
  const { code } = await transform(await readFile(source, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    target: TARGET,
    sourcemap: 'inline',
    sourcesContent: false,
    sourcefile: relative(dirname(target), source),
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(source).href),
      'import.meta.dirname': JSON.stringify(resolve(dirname(source)))
    }
  })
  await writeFile(target, code)
}
