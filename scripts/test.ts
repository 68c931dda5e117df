// Runs the tests, each file in a process of its own: npm test [-- file or folder …]
//
// The tests are tap's, and so is what runs and reports them here. tap's own command is not used because it gives each process two
// loaders that a compiled test has no need of, and they take more time than most tests do.
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { report } from '@tapjs/reporter'
import type { types } from '@tapjs/reporter'
import { t } from 'tap'
import { compile, compiled } from './test/compile.js'
import { FileCoverage, forgetCoverage } from './test/coverage.js'
import { tellPlainly } from './test/plain.js'

/** The longest that a file may take, in seconds. Beside others, on a busy machine, that may be six times what it takes alone. */
const TIMEOUT = 300
/** No tests, or not of `npm test`. */
const OTHER = /^test\/(?:fixtures|fuzz|soak|types|vectors)\//
const { TAP_REPORTER: reporter = process.stdout.isTTY ? 'base' : 'plain', JOBS: jobs = availableParallelism() + 1 } = process.env

const wanted = process.argv.slice(2)
const all = readdirSync('test', { recursive: true, encoding: 'utf8' }).map(path => `test/${path}`).filter(path => path.endsWith('.ts') && !OTHER.test(path)).sort()
for (const each of wanted) {
  if (!existsSync(each)) throw new Error(`there is no test file or folder ${each}`)
}
const files = wanted.length === 0 ? all : all.filter(path => wanted.some(each => path === each || path.startsWith(`${each.replace(/\/$/, '')}/`)))

await compile()
await forgetCoverage()

// Before anything is asked of `t`, which would write TAP then. Of the settings of tap's own command the reporters read `comments` alone.
if (reporter === 'plain') tellPlainly(t)
else if (reporter !== 'tap') await report(reporter as keyof typeof types, t, new Map([['comments', false]]) as never)

// Who ends the run ends the files that are running.
const running = new Set<ChildProcess>()
t.on('spawn', spawned => {
  spawned.on('process', child => {
    running.add(child)
    child.once('exit', () => running.delete(child))
  })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal)
    process.kill(process.pid, signal)
  })
}

// The plain reporter finds places in the source by itself.
const maps = reporter === 'plain' ? [] : ['--enable-source-maps']

t.setTimeout(0)
t.jobs = Number(jobs)
t.plan(files.length)
await Promise.all(files.map(run))

async function run (file: string): Promise<void> {
  const coverage = new FileCoverage(file)
  // Without NODE_OPTIONS, where tap would have put a loader.
  await t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...maps, compiled(file)], {
    name: file,
    at: null,
    stack: '',
    buffered: true,
    timeout: TIMEOUT * 1000,
    stdio: reporter === 'tap' || reporter === 'plain' ? 'inherit' : 'pipe',
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT), ...coverage.env }
  })
  await coverage.keep()
}
