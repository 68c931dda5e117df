import { readdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import * as tap from 'tap'
import { NONE } from './none.js'

// A process that runs tests of tap over the compiled code again and again, with another mutant each time: starting a process
// and loading Fastify costs much, the tests cost little. The parent is `runner.ts`. See docs/internals/mutation.md.

/** What the parent asks for. Anything left out: no mutant, all tests of the files. */
export interface Order {
  /** Compiled files, from the folder in which this process runs. */
  readonly files: readonly string[]
  /** The mutant, by the number that StrykerJS gave it. */
  readonly mutant?: string
  /** How often the mutant may be passed before the run counts as one without end. */
  readonly hitLimit?: number | undefined
  /** The names of the tests, each with its file. */
  readonly tests?: readonly string[]
}

/** What comes of it, up to the first test that fails. */
export interface Outcome {
  readonly ran: ReadonlyArray<{ readonly id: string, readonly file: string, readonly ms: number }>
  readonly failed?: string
  readonly message?: string
  /** Whether the test that failed has passed afterwards, here and without the mutant. */
  readonly confirmed: boolean
  /** Of the code without a mutant. */
  readonly coverage: Coverage | undefined
  /** How often the mutant was passed. */
  readonly hits: number | undefined
}

/** To the parent: an outcome, what is wrong with the code, or that all is loaded. */
export interface Message {
  readonly bench: true
  readonly outcome?: Outcome
  readonly broken?: string
}

/** How often a mutant was passed: by its number. */
type Counts = Record<string, number>

export interface Coverage {
  readonly static: Counts
  readonly perTest: Record<string, Counts>
}

/** What the instrumented code reads and writes. */
interface Namespace {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number | undefined
  hitLimit?: number | undefined
  mutantCoverage?: Coverage
}

type Tap = typeof tap.t
type Body = (t: any) => any
type TestArguments = readonly [name: string, body: Body] | readonly [name: string, options: object, body: Body]
type Hook = Parameters<Tap['beforeEach']>[0]

/** A test file as it was read: its tests have not run yet. */
interface TestFile {
  readonly tests: Array<{ readonly id: string, readonly args: TestArguments }>
  readonly before: Hook[]
  readonly after: Hook[]
}

/** A test that has failed may close what it has opened, for so many milliseconds. */
const GRACE = 500
/** For one test, in milliseconds. With a mutant many wait for what never comes; those that are slow without one get more. */
const TEST_TIMEOUT = 4_000
const TEST_TIMEOUT_WITHOUT = 60_000
/** How many times as long as without a mutant. */
const PATIENCE = 5

const namespace: Namespace = (globalThis as { __stryker__?: Namespace }).__stryker__ ??= {}
const LOOSE = 'outside of the tests'

let reading: TestFile = { tests: [], before: [], after: [] }
let readingFile = ''
let imports = 0
let running: any
/** Told of an error that nothing has caught. */
let onLoose: (error: unknown) => void = () => {}

// The files call the methods of the one object that tap gives to all: what they declare is kept, and run afterwards. What is
// asserted on it counts for the test that runs.
for (const [name, value] of Object.entries(tap)) {
  if (typeof value === 'function' && name in tap.t) Object.assign(tap.t, { [name]: (...args: unknown[]) => running[name](...args) })
}
Object.assign(tap.t, {
  test: (...args: TestArguments) => { reading.tests.push({ id: `${readingFile}: ${args[0]}`, args }) },
  beforeEach: (hook: Hook) => { reading.before.push(hook) },
  afterEach: (hook: Hook) => { reading.after.push(hook) }
})

process.on('uncaughtException', (error) => onLoose(error))
process.on('unhandledRejection', (error) => onLoose(error))
process.on('disconnect', () => process.exit())

/** Reads the file anew, so that nothing of what it holds at its top is older than the mutant. */
async function read (file: string): Promise<TestFile> {
  reading = { tests: [], before: [], after: [] }
  readingFile = file.replace(/\.js$/, '.ts')
  namespace.currentTestId = readingFile
  try {
    await import(`${pathToFileURL(file).href}?${++imports}`)
  } finally {
    namespace.currentTestId = LOOSE
  }
  return reading
}

/** @returns What has failed, or `undefined`. */
async function run ({ before, after }: TestFile, { id, args: [name, ...rest] }: TestFile['tests'][number], timeout: number): Promise<string | undefined> {
  // The name has a part of the folder that `t.testdir` makes: another process may run the same test.
  const root = new tap.Test({ name: `bench-${process.pid}`, timeout })
  for (const hook of before) root.beforeEach(hook)
  for (const hook of after) root.afterEach(hook)
  return await new Promise((resolve) => {
    let failure: string | undefined
    const fail = (message: string): void => {
      if (failure !== undefined) return
      failure = message
      setTimeout(() => resolve(failure), GRACE)
    }
    const watch = (child: { on: (event: string, listener: (...values: any[]) => void) => unknown }): void => {
      child.on('result', (result: { ok: boolean, name: string }) => { if (!result.ok) fail(result.name) })
      child.on('subtestAdd', watch)
    }
    onLoose = (error) => fail(String(error))
    root.on('subtestAdd', watch)
    root.on('complete', (results: { ok: boolean }) => resolve(results.ok ? failure : failure ?? 'failed'))
    root.resume()
    namespace.currentTestId = id
    const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest
    root.test(name, { name, timeout, ...options }, (t: unknown) => body(running = t))
    root.end()
  }).finally(() => {
    namespace.currentTestId = LOOSE
    onLoose = () => {}
  }) as string | undefined
}

function activate (mutant: string | undefined, hitLimit?: number): void {
  namespace.activeMutant = mutant
  namespace.hitCount = hitLimit === undefined ? undefined : 0
  namespace.hitLimit = hitLimit
}

async function carryOut ({ files, mutant, hitLimit, tests }: Order): Promise<Outcome> {
  const wanted = tests === undefined ? undefined : new Set(tests)
  const ran: Array<{ id: string, file: string, ms: number }> = []
  let hits: number | undefined
  for (const file of files) {
    activate(mutant, hitLimit)
    const declared = await readOr(file)
    const chosen = typeof declared === 'string'
      ? [{ id: wanted?.values().next().value ?? readingFile }]
      : declared.tests.filter(({ id }) => wanted === undefined || wanted.has(id))
    for (const { id } of chosen) {
      activate(mutant, hitLimit)
      const start = performance.now()
      let message = await runOf(declared, id, mutant === undefined ? TEST_TIMEOUT_WITHOUT : TEST_TIMEOUT)
      hits = Math.max(hits ?? 0, namespace.hitCount ?? 0)
      ran.push({ id, file: readingFile, ms: performance.now() - start })
      if (message === undefined) continue
      activate(NONE)
      const again = performance.now()
      const confirmed = await runOf(await readOr(file), id, TEST_TIMEOUT_WITHOUT) === undefined
      const usual = performance.now() - again
      if (confirmed && PATIENCE * usual > TEST_TIMEOUT) {
        activate(mutant, hitLimit)
        message = await runOf(await readOr(file), id, PATIENCE * usual)
        if (message === undefined) continue
      }
      activate(NONE)
      return { ran, failed: id, message, confirmed, hits, coverage: undefined }
    }
  }
  const coverage = mutant === undefined ? namespace.mutantCoverage : undefined
  activate(NONE)
  return { ran, confirmed: true, hits, coverage }
}

/** @returns What has failed, or `undefined`. A file that cannot be read fails with what was thrown. */
async function runOf (declared: TestFile | string, id: string, timeout: number): Promise<string | undefined> {
  if (typeof declared === 'string') return declared
  const test = declared.tests.find((each) => each.id === id)
  return test && await run(declared, test, timeout)
}

async function readOr (file: string): Promise<TestFile | string> {
  try {
    return await read(file)
  } catch (error) {
    return String(error)
  }
}

// All modules are loaded before the first test, so that what runs at load counts as covered by no test. With a mutant that is
// there from the start nobody counts, and the test loads what it needs.
const ready = (async () => {
  if ('__STRYKER_ACTIVE_MUTANT__' in process.env) return
  for (const entry of readdirSync('lib', { recursive: true, encoding: 'utf8' })) {
    if (entry.endsWith('.js')) await import(pathToFileURL(`lib/${entry}`).href)
  }
})()
ready.then(() => tell({}), (error: unknown) => tell({ broken: String(error) }))

process.on('message', (order: Order) => {
  carryOut(order).then((outcome) => tell({ outcome }))
})

/** In an object with a sign on it: tap has messages of its own for a parent. */
function tell (message: Omit<Message, 'bench'>): void {
  process.send!({ bench: true, ...message })
}
