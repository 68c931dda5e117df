import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { guarded, on } from '../../platform/guarded.js'
import type { Milliseconds } from '../../types.js'

/** The longest answer: a challenge in Base64, or a name. */
const MAX_LINE = 64 * 1024

interface WaitingCall {
  readonly resolve: (answer: string) => void
  readonly reject: (reason: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * A program that answers a line with a line. When it is late, says too much, or ends, it is gone
 * for good.
 */
export class NtlmHelper {
  /** It has answered at least once. */
  works = false
  private readonly child: ChildProcessByStdio<Writable, Readable, null>
  private said = ''
  private waiting: WaitingCall | undefined
  private over = false

  /**
   * @param timeout - How long it may take for an answer.
   * @param gone - Called once, when it is of no more use.
   */
  constructor (
    command: string,
    args: readonly string[],
    private readonly timeout: Milliseconds,
    private readonly gone: () => void
  ) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
    const end = (): void => this.end()
    on(on(this.child, 'error', end), 'exit', end)
    on(this.child.stdin, 'error', end)
    on(on(this.child.stdout.setEncoding('latin1'), 'data', (text: string) => this.hear(text)), 'error', end)
    // It must not keep our own program from ending; it ends with its input.
    this.child.unref()
    for (const pipe of [this.child.stdin, this.child.stdout]) (pipe as unknown as Socket).unref()
  }

  /** A line has gone out whose answer has not come. */
  get busy (): boolean { return this.waiting !== undefined }

  /** Whether it is of no more use. */
  get ended (): boolean { return this.over }

  /**
   * Sends a line. One at a time.
   *
   * @throws {Error} With status 503: there is no answer.
   */
  async ask (line: string): Promise<string> {
    if (this.over) throw unavailable('it has ended')
    return await new Promise((resolve, reject) => {
      this.waiting = { resolve, reject, timer: setTimeout(guarded(() => this.end('it did not answer in time')), this.timeout) }
      this.child.stdin.write(`${line}\n`)
    })
  }

  /** Ends it. What waits for an answer learns that none comes. */
  end (reason = 'it has ended'): void {
    if (this.over) return
    this.over = true
    this.child.kill('SIGKILL')
    const { waiting } = this
    this.waiting = undefined
    clearTimeout(waiting?.timer)
    waiting?.reject(unavailable(reason))
    this.gone()
  }

  private hear (text: string): void {
    this.said += text
    const end = this.said.indexOf('\n')
    if (end === -1) {
      if (this.said.length > MAX_LINE) this.end('its answer is too long')
      return
    }
    const { waiting } = this
    const line = this.said.slice(0, end)
    this.said = this.said.slice(end + 1)
    // What was not asked for would be taken for the answer to the next line.
    if (waiting === undefined || this.said !== '') return this.end('it said what it was not asked for')
    this.waiting = undefined
    this.works = true
    clearTimeout(waiting.timer)
    waiting.resolve(line)
  }
}

/** An error that the gate answers with 503. */
export function unavailable (reason: string): Error {
  return Object.assign(new Error(`the NTLM helper: ${reason}`), { statusCode: 503 })
}
