import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// `npm run as-installed`: packs the package and uses it as a stranger does, in an empty folder without a lock file. Once with what npm
// takes today, once with the lowest versions that package.json allows, and each time as ES module and as CommonJS. What is
// done there is in as-installed/requests.cjs. The tests of the repository see neither: package-lock.json pins one version of each.

type Versions = Readonly<Record<string, string>>

const ROOT = new URL('..', import.meta.url).pathname
const ENTRIES = ['as-module.mjs', 'as-commonjs.cjs', 'requests.cjs']
/** Compiled at its installation, which takes longer than all the rest. A stage of its own in .ci/run has it. */
const NOT_LOWEST = new Set(['kerberos', 'better-sqlite3'])

/** The last of find-my-way, which Fastify depends on, that takes targets which are no paths. */
const TOLERANT_ROUTER = '9.10.1'

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Versions, peerDependencies: Versions }
const work = mkdtempSync(join(tmpdir(), 'as-installed-'))
try {
  const tarball = pack()
  const failed = [
    ...run('newest', tarball, { fastify: 'latest' }),
    ...run('lowest', tarball, { ...lowest({ ...manifest.dependencies, ...manifest.peerDependencies }), 'find-my-way': TOLERANT_ROUTER })
  ]
  for (const name of failed) console.error(`failed: ${name}`)
  process.exitCode = failed.length === 0 ? 0 : 1
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** Builds and packs. */
function pack (): string {
  const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', work], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const [{ filename }] = JSON.parse(printed.slice(printed.lastIndexOf('[\n  {'))) as [{ filename: string }]
  return join(work, filename)
}

/**
 * Installs into an empty folder and sends the requests.
 *
 * @param beside - What is installed beside the package.
 * @returns The names of the runs that failed.
 */
function run (name: string, tarball: string, beside: Versions): string[] {
  const folder = join(work, name)
  cpSync(join(ROOT, 'scripts/as-installed'), folder, { recursive: true })
  const dependencies = { ...beside, 'fastify-proxy-auth': `file:${tarball}` }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  execFileSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, stdio: 'inherit' })
  console.log(`${name}: node ${process.versions.node}, ${installed(folder, [...Object.keys(manifest.dependencies), ...Object.keys(beside), 'find-my-way'])}`)
  return ENTRIES.filter(entry => entry.startsWith('as-')).filter(entry => {
    const { status } = spawnSync(process.execPath, [join(folder, entry)], { cwd: folder, stdio: 'inherit', timeout: 60_000 })
    return status !== 0
  }).map(entry => `${name} ${entry}`)
}

/** The lowest version of each range. All are carets, the lowest first. */
function lowest (ranges: Versions): Versions {
  return Object.fromEntries(Object.entries(ranges).filter(([name]) => !NOT_LOWEST.has(name)).map(([name, range]) => {
    const version = /^\^(\d+\.\d+\.\d+)(?= |$)/.exec(range)?.[1]
    if (version === undefined) throw new Error(`the range of ${name} does not begin with a caret`)
    return [name, version]
  }))
}

function installed (folder: string, names: readonly string[]): string {
  return [...new Set(names)].map(name => {
    const { version } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }
    return `${name} ${version}`
  }).join(', ')
}
