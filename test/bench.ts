// The rig of `npm run bench`: that it measures, says so, and leaves nothing behind. Its figures are not looked at.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { judge } from '../bench/goal.js'
import { aroundTable } from '../bench/markdown.js'
import type { Sample } from '../bench/measure.js'
import { chosen } from '../bench/scenarios/index.js'
import { ownProgram } from './fixtures/own-program.js'
import { until } from './fixtures/until.js'

/** In the marks of this file's processes, as another checkout may be tested at the same time. */
const OWN = process.pid

/** Starts it as short as can be, on the sources, with a variable in its environment by which all its processes are known. */
function startBench (mark: string, ...args: string[]): ChildProcess {
  const { execArgv, file } = ownProgram(new URL('../bench/run.ts', import.meta.url))
  const env = { PATH: process.env['PATH'], MARK: `${mark} ${OWN}`, BENCH_PROCESSES: '1', BENCH_ROUNDS: '1', BENCH_SECONDS: '0.02' }
  return spawn(process.execPath, [...execArgv, file, '--sources', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The processes with this variable, where the system tells. */
function processesOf (mark: string): string[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(`MARK=${mark} ${OWN}`)
    } catch {
      return false // it has ended, or belongs to another user
    }
  })
}

function leftBehind (): string[] {
  return readdirSync('.').filter((name) => name.startsWith('.bench-'))
}

async function outputOf (child: ChildProcess): Promise<string> {
  let output = ''
  child.stdout!.on('data', (chunk) => { output += String(chunk) })
  await once(child, 'close')
  return output
}

t.test('npm run bench: it prints a row for us and one for each other, writes the table into a page, and leaves nothing behind', async (t) => {
  const page = join(t.testdir({ 'page.md': 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n' }), 'page.md')
  const others = leftBehind()
  const child = startBench('whole', 'forward', '--against', 'proxy-chain', '--markdown', page)
  const output = await outputOf(child)
  t.equal(child.exitCode, 0, output)
  t.match(output, /^fastify-proxy-auth {2,}\d+\.\d {2,}\d+\.\d – \d+\.\d /m)
  t.match(output, /^proxy-chain .* ≤ 0\.35: (?:not )?met /m)
  t.notMatch(output, /failed/)
  const written = readFileSync(page, 'utf8')
  t.match(written, /^before\n<!-- bench: begin -->\n[^]*\n\| fastify-proxy-auth \|[^]*\n\| proxy-chain \|[^]*\n<!-- bench: end -->\nafter\n$/)
  t.notMatch(written, /old/)
  t.strictSame(processesOf('whole'), [])
  t.strictSame(leftBehind(), others)
})

t.test('npm run bench that is interrupted: no process of it is left', async (t) => {
  const others = leftBehind()
  const child = startBench('interrupted', 'forward', '--against', 'proxy-chain')
  const [first] = await once(child.stdout!, 'data') as [Buffer]
  t.match(String(first), /fastify-proxy-auth/)
  if (existsSync('/proc/self/environ')) t.ok(processesOf('interrupted').length > 1)
  child.kill('SIGINT')
  await once(child, 'close')
  await until(() => processesOf('interrupted').length === 0) // what was killed takes a moment to go
  t.strictSame(leftBehind(), others)
})

t.test('a scenario that there is not: the names of those that there are', async (t) => {
  t.throws(() => chosen(['forwards']), { message: /^there is no scenario forwards, but there are forward, reverse, / })
  t.strictSame(chosen(['tunnel', 'connect']).map(({ name }) => name), ['connect', 'tunnel'])
})

t.test('a goal: it is judged by the median of the ratios, pair by pair, and by each where it says so', async (t) => {
  const of = (cpu: number, p99 = 1): Sample => ({ cpu, rate: 1 / cpu, p50: 1, p99, memory: 1, busy: 0, failed: 0 })
  const samples: Readonly<Record<string, ReadonlyArray<Sample | undefined>>> = {
    ours: [of(80), of(90), of(260)], other: [of(100), of(100), of(200)], flooded: [of(1, 60), of(1, 20), undefined]
  }
  const verdict = (goal: Omit<Parameters<typeof judge>[0], 'row'>, row = 'ours'): string | undefined => judge({ row, ...goal }, 'ours', (name) => samples[name])
  t.equal(verdict({ of: 'cpu', against: 'other', atMost: 0.9 }), '≤ 0.9: met')
  t.equal(verdict({ of: 'cpu', against: 'other', atMost: 0.85 }), '≤ 0.85: not met')
  t.equal(verdict({ of: 'cpu', against: 'other', atMost: 0.9, eachAtMost: 1.2 }), '≤ 0.9, each ≤ 1.2: not met')
  t.equal(verdict({ of: 'rate', against: 'other', atLeast: 0.5 }), 'rate ≥ 0.5 (1.11 ×): met')
  t.equal(verdict({ of: 'p99', atMost: 50 }, 'flooded'), 'p99 ≤ 50 (60.00): not met')
  t.equal(verdict({ of: 'cpu', against: 'missing', atMost: 1 }), undefined, 'nothing to compare with')
})

t.test('a page without a place for the table: it is refused before anything is measured', async (t) => {
  const page = join(t.testdir({ 'page.md': 'text' }), 'page.md')
  t.throws(() => aroundTable(page), { message: /page\.md has no place for the table/ })
  writeFileSync(page, '<!-- bench: end --> <!-- bench: begin -->')
  t.throws(() => aroundTable(page), { message: /page\.md has no place for the table/ })
})
