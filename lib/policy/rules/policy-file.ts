import { checkOptions, isObject, readTime, shownName } from '../../check-option.js'
import { BadOption } from '../../errors.js'
import { guarded } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'
import { openWatchedFile } from '../../watched-file.js'
import type { PolicyDocument } from './document.js'
import { readJson } from './json-text.js'
import { UnreadableDocument } from './located-document.js'
import type { DocumentPath, LocatedDocument } from './located-document.js'
import { createPolicy } from './policy.js'
import type { Policy, PolicyOptions } from './policy.js'
import { readYaml } from './yaml-text.js'

/** Options of {@link policyFile}. */
export interface PolicyFileOptions extends PolicyOptions {
  /**
   * How often the file is looked at: new rules hold that much later. From 1 to 2147483647.
   *
   * @defaultValue `500`
   */
  readonly interval?: Milliseconds
  /**
   * Called once for each reason why a changed file could not be taken over. The rules before the
   * change stay in force.
   *
   * @defaultValue a warning of the process
   */
  readonly log?: (problem: Error) => void
  /**
   * How long a look at the file may take before it is given up and logged. From 1 to 2147483647.
   *
   * @defaultValue `2000` (2 seconds)
   */
  readonly timeout?: Milliseconds
}

/** Is told of new rules. */
export type PolicyListener = (current: Policy, previous: Policy) => void

/** The rules of a file. Its functions go by the rules that are in force when they are called. */
export interface PolicyFile extends Policy {
  /**
   * The rules that are in force. What is decided in several steps is to be asked of one of these.
   */
  readonly current: Policy
  /**
   * Reads the file now.
   *
   * @throws {BadOption} It is wrong; the message says what, and in which line. The old rules stay.
   * @throws {Error} It cannot be read. The old rules stay.
   */
  reload (): Promise<void>
  /**
   * Has a function called when new rules have come into force.
   *
   * @returns Ends that.
   */
  onChange (listener: PolicyListener): () => void
  /**
   * Ends looking for changes; resolves when the file is not being read any more. The rules stay.
   */
  close (): Promise<void>
}

/** Whether rules are those of a file. */
export function isPolicyFile (policy: Policy): policy is PolicyFile {
  return typeof (policy as Partial<PolicyFile>).onChange === 'function'
}

const OPTIONS = new Set(['groups', 'clock', 'interval', 'log', 'timeout'])

/**
 * Opens a file of rules: a {@link PolicyDocument} in YAML, or in JSON where its name ends in
 * `.json`. YAML needs the package `yaml`.
 *
 * A changed file is taken over as a whole. One that cannot be read, or is wrong, changes nothing
 * and is logged. At the start it is an error.
 *
 * @throws {BadOption} An option is wrong, or the file: the message says what, and in which line.
 * @throws {MissingPackage} The package `yaml` is not installed.
 * @throws {Error} The file cannot be read.
 * @example
 * const policy = policyFile('policy.yaml', { log: (problem) => app.log.error(problem) })
 * await app.register(proxyAuth, { realm, strategies, forward: true, policy })
 */
export function policyFile (path: string, options: PolicyFileOptions = {}): PolicyFile {
  const { interval = 500, log = warn, timeout, ...rest } = checkOptions(options, OPTIONS)
  readTime(interval, 'interval', 1)
  if (typeof log !== 'function') throw new BadOption('log', 'a function', typeof log)
  const parse = (text: string): Policy => readPolicy(path.endsWith('.json') ? readJson : readYaml, text, rest)
  const file = openWatchedFile(path, parse, { interval: 0, log, ...timeout === undefined ? {} : { timeout } })
  const listeners = new Set<PolicyListener>()
  let current = file.latest
  let isClosed = false

  function takeOver (): void {
    const previous = current
    current = file.latest
    if (current !== previous) for (const listener of listeners) guarded(listener)(current, previous)
  }

  const timer = setInterval(guarded(async () => {
    await file.read()
    if (!isClosed) takeOver()
  }), interval).unref()

  return Object.freeze({
    get current () { return current },
    get warnings () { return current.warnings },
    get routes () { return current.routes },
    get hasHours () { return current.hasHours },
    decide: (request) => current.decide(request),
    explain: (request) => current.explain(request),
    check: (target, identity) => current.check(target, identity),
    async reload () {
      await file.reload()
      takeOver()
    },
    onChange (listener: PolicyListener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    },
    async close () {
      isClosed = true
      clearInterval(timer)
      await file.close()
    }
  } satisfies PolicyFile)
}

function warn (problem: Error): void {
  process.emitWarning(problem)
}

function readPolicy (read: (text: string) => LocatedDocument, text: string, options: PolicyOptions): Policy {
  // What is not UTF-8 was read as another name, and a rule that denies would miss its user.
  const wrong = text.indexOf('\ufffd')
  if (wrong !== -1) throw inLine(text.slice(0, wrong).split('\n').length, 'not UTF-8')
  const { value, lineOf } = locate(read, text)
  try {
    return createPolicy(value as PolicyDocument, options)
  } catch (problem) {
    const { message } = problem as Error
    const path = pathIn(message, value)
    throw path === null ? problem : inLine(lineOf(path), message)
  }
}

function locate (read: (text: string) => LocatedDocument, text: string): LocatedDocument {
  try {
    return read(text)
  } catch (problem) {
    throw problem instanceof UnreadableDocument ? inLine(problem.line, problem.message) : problem
  }
}

function inLine (line: number, message: string): Error {
  return new BadOption(`the file of rules, line ${line}: ${message}`)
}

/** Which member of the document a message is about; `null`: it is about something else. */
function pathIn (message: string, document: unknown): DocumentPath | null {
  const [, path] = /^option policy((?:\.\w+|\[\d+\])*)/.exec(message) ?? []
  if (path !== undefined) return Array.from(path.matchAll(/\w+/g), ([part]) => /^\d+$/.test(part) ? Number(part) : part)
  const member = unknownMember(message, document, 'policy')
  if (member !== undefined) return [member]
  const [, index] = /^unknown option "policy\.rules\[(\d+)\]/.exec(message) ?? []
  if (index === undefined) return null
  const rule = (document as PolicyDocument).rules[Number(index)]
  return ['rules', Number(index), unknownMember(message, rule, `policy.rules[${index}]`)!]
}

/** The member that a message calls unknown. It has any name, maybe one like a path. */
function unknownMember (message: string, owner: unknown, name: string): string | undefined {
  if (!isObject(owner)) return undefined
  return Object.keys(owner).find((member) => message.startsWith(`unknown option "${name}.${shownName(member)}"; `))
}
