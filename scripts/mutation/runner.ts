import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { relative } from 'node:path'
import { PluginKind, commonTokens, declareClassPlugin, tokens } from '@stryker-mutator/api/plugin'
import type { StrykerOptions } from '@stryker-mutator/api/core'
import { DryRunStatus, MutantRunStatus, TestStatus } from '@stryker-mutator/api/test-runner'
import type {
  DryRunResult, MutantRunOptions, MutantRunResult, TestRunner, TestRunnerCapabilities
} from '@stryker-mutator/api/test-runner'
import { NONE } from './none.js'
import type { Coverage, Message, Order, Outcome } from './bench.js'

// The test runner that StrykerJS loads. It runs tests of tap in a process that stays, where StrykerJS's own runner for tap
// starts a process for each file and mutant: half a second each, for some milliseconds of tests.

/** After so many mutants a process has read the tests often enough. */
const MOST_RUNS = 150
/** What StrykerJS adds to the time of the tests before it ends this process, in milliseconds. Ours are ended earlier. */
export const SPARE_TIME = 60_000
const MARGIN = 55_000
const SECOND_LOOK = 40_000
const START_TIMEOUT = 30_000
const DRY_RUN_TIMEOUT = 300_000

class TapRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options)
  private bench: Bench | undefined
  private readonly files: readonly string[]

  constructor (options: StrykerOptions) {
    this.files = (options['testFolders'] as string[]).flatMap(testFiles)
  }

  capabilities (): TestRunnerCapabilities { return { reloadEnvironment: true } }

  async dryRun (): Promise<DryRunResult> {
    const outcome = await this.of({ files: this.files }, DRY_RUN_TIMEOUT)
    if (typeof outcome === 'string') return { status: DryRunStatus.Error, errorMessage: outcome }
    const { ran, failed, message, coverage } = outcome
    return {
      status: DryRunStatus.Complete,
      tests: ran.map(({ id, file, ms }) => {
        const test = { id, name: id, fileName: file, timeSpentMs: ms }
        return id === failed ? { ...test, status: TestStatus.Failed, failureMessage: message! } : { ...test, status: TestStatus.Success }
      }),
      mutantCoverage: ofTests(coverage ?? { static: {}, perTest: {} }, ran)
    }
  }

  async mutantRun ({ activeMutant: { id: mutant }, hitLimit, mutantActivation, sandboxFileName, testFilter, timeout }: MutantRunOptions): Promise<MutantRunResult> {
    const mirror = relative(process.cwd(), sandboxFileName).replace(/^lib/, 'test').replace(/\.ts$/, '.js')
    // What happens once when a module is loaded is there for all tests: the tests of the module itself have to tell.
    const files = mutantActivation === 'static' ? [mirror].filter(existsSync) : this.filesOf(testFilter!, mirror)
    const order: Order = { files, mutant, hitLimit, ...testFilter !== undefined && { tests: testFilter } }
    let outcome = mutantActivation === 'static' ? await alone(order, timeout - MARGIN) : await this.of(order, timeout - MARGIN)
    // What a module remembers of earlier runs may hide a mutant from the tests.
    if (mutantActivation !== 'static' && survives(outcome) && files.includes(mirror)) {
      const again = await alone({ ...order, files: [mirror] }, SECOND_LOOK)
      if (again !== TOO_LONG) outcome = again
    }
    if (outcome === TOO_LONG) return { status: MutantRunStatus.Timeout }
    if (typeof outcome === 'string') return { status: MutantRunStatus.Killed, killedBy: [], failureMessage: outcome, nrOfTests: 0 }
    const { ran, failed, message, hits } = outcome
    if (hitLimit !== undefined && hits !== undefined && hits > hitLimit) return { status: MutantRunStatus.Timeout, reason: 'without end' }
    if (failed === undefined) return { status: MutantRunStatus.Survived, nrOfTests: ran.length }
    return { status: MutantRunStatus.Killed, killedBy: [failed], failureMessage: message!, nrOfTests: ran.length }
  }

  async dispose (): Promise<void> { this.end() }

  /** The files of the tests, that of the mutant first: most mutants end there. */
  private filesOf (tests: readonly string[], mirror: string): readonly string[] {
    const wanted = new Set(tests.map((id) => id.slice(0, id.indexOf(': ')).replace(/\.ts$/, '.js')))
    const files = this.files.filter((file) => wanted.has(file))
    return files.includes(mirror) ? [mirror, ...files.filter((file) => file !== mirror)] : files
  }

  /**
   * A test that fails and does not pass afterwards without the mutant has spoilt the process, or met one that was spoilt
   * before: a new process decides.
   */
  private async of (order: Order, timeout: number): Promise<Outcome | string> {
    const isNew = this.bench === undefined
    const bench = this.bench ??= new Bench()
    const outcome = await bench.carryOut(order, timeout)
    if (typeof outcome !== 'string' && outcome.confirmed) {
      if (bench.runs >= MOST_RUNS) this.end()
      return outcome
    }
    this.end()
    if (outcome === TOO_LONG) return outcome
    if (!isNew) return await this.of(order, timeout)
    if (typeof outcome !== 'string' && order.mutant !== undefined) await proveSound({ ...order, tests: [outcome.failed!] })
    return outcome
  }

  private end (): void {
    this.bench?.end()
    this.bench = undefined
  }
}

const TOO_LONG = 'too long'

/** One process with the compiled code in it. */
class Bench {
  /** What is wrong with the code, if it cannot be loaded. */
  private readonly started: Promise<string | undefined>
  runs = 0
  private readonly process: ChildProcess

  /** @param atLoad - The mutant that is there from the start. */
  constructor (atLoad?: string) {
    const env = { ...process.env, NODE_OPTIONS: '', ...atLoad !== undefined && { __STRYKER_ACTIVE_MUTANT__: atLoad } }
    this.process = fork('scripts/mutation/bench.js', { execArgv: [], env, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' })
    this.started = this.next(START_TIMEOUT).then((message) => typeof message === 'string' ? message : message.broken)
  }

  async carryOut (order: Order, timeout: number): Promise<Outcome | string> {
    const broken = await this.started
    if (broken === TOO_LONG) throw new Error('a process did not start in time')
    if (broken !== undefined) return broken
    this.runs++
    this.process.send(order)
    const message = await this.next(timeout)
    return typeof message === 'string' ? message : message.outcome!
  }

  end (): void { this.process.kill('SIGKILL') }

  private async next (timeout: number): Promise<Message | string> {
    return await new Promise((resolve) => {
      const onMessage = (message: Message): void => { if (message.bench) done(message) }
      const onExit = (): void => done('the process ended')
      const timer = setTimeout(() => done(TOO_LONG), timeout)
      const done = (value: Message | string): void => {
        clearTimeout(timer)
        this.process.removeListener('message', onMessage).removeListener('exit', onExit)
        resolve(value)
      }
      this.process.on('message', onMessage).once('exit', onExit)
    })
  }
}

/** In a process of its own, which has the mutant from the start. */
async function alone (order: Order, timeout: number): Promise<Outcome | string> {
  const bench = new Bench(order.mutant)
  try {
    return await bench.carryOut(order, timeout)
  } finally {
    bench.end()
  }
}

/** Looks whether a test that has failed in a new process, with and without a mutant, passes in another one that never had any. */
async function proveSound (order: Order): Promise<void> {
  const outcome = await alone({ ...order, mutant: NONE }, SECOND_LOOK)
  if (!survives(outcome)) throw new Error(`without a mutant as well: ${order.tests!.join()}`)
}

function survives (outcome: Outcome | string): boolean {
  return typeof outcome !== 'string' && outcome.failed === undefined
}

function testFiles (folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js')).sort().map((name) => `${folder}/${name}`)
}

/** What a file passes while it is read, all its tests depend on. */
function ofTests (coverage: Coverage, tests: Outcome['ran']): Coverage {
  const perTest: Coverage['perTest'] = {}
  for (const { id, file } of tests) perTest[id] = { ...coverage.perTest[file], ...coverage.perTest[id] }
  return { static: coverage.static, perTest }
}

export const strykerValidationSchema = { properties: { testFolders: { type: 'array', items: { type: 'string' } } } }

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'tap-in-process', TapRunner)]
