import { BadOption } from '../../errors.js'
import { MAX_TIMER, checkOptions, readInteger, readTime } from '../../check-option.js'
import { guarded } from '../../platform/guarded.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../schemes/ntlm/message.js'
import type { Milliseconds } from '../../types.js'
import { NtlmHelper, unavailable } from './helper.js'
import type { NtlmExchange, NtlmVerdict, NtlmVerifier } from './options.js'

/** Options of {@link ntlmAuth}. */
export interface NtlmAuthOptions {
  /**
   * The program, Samba's.
   *
   * @defaultValue `'ntlm_auth'`
   */
  readonly command?: string
  /**
   * The arguments of the program.
   *
   * @defaultValue `['--helper-protocol=squid-2.5-ntlmssp']`
   */
  readonly args?: readonly string[]
  /**
   * How many processes there may be. Each has one handshake at a time, from its first leg to its
   * last. Where others wait, a handshake whose client takes more than a second for its next leg
   * gives way. 1 or more.
   *
   * @unit processes
   * @defaultValue `10`
   */
  readonly helpers?: number
  /**
   * How many handshakes may wait for a process; more are 503. 0 or more.
   *
   * @unit handshakes
   * @defaultValue `100`
   */
  readonly maxWaiting?: number
  /**
   * How long a process may take to respond, and a handshake may wait for a process. From 1 to
   * 2147483647.
   *
   * @defaultValue `5000` (5 seconds)
   */
  readonly timeout?: Milliseconds
}

/**
 * A user that {@link ntlmAuth} has accepted. The name is what Samba says, of a domain other than
 * its own with that before it.
 */
export interface NtlmAuthUser { readonly username: string }

/** A verifier with processes, to be closed with the application. */
export interface NtlmAuth extends NtlmVerifier<NtlmAuthUser> {
  begin (message: NegotiateMessage): Promise<NtlmExchange<NtlmAuthUser>>
  /** Ends the processes. What comes later is 503. */
  close (): void
}

interface Waiter {
  readonly resolve: (helper: NtlmHelper) => void
  readonly reject: (reason: Error) => void
  readonly timer: NodeJS.Timeout
}

/** A handshake between its legs, with its helper unless that was needed for another. */
interface Open {
  helper: NtlmHelper | undefined
  readonly since: Milliseconds
}

/** A no that is no judgement: no server could be asked that knows the user's domain. */
const NOT_ASKED = /^NA NT_STATUS_(?:NO_LOGON_SERVERS|DOMAIN_CONTROLLER_NOT_FOUND|CANT_ACCESS_DOMAIN_INFO|TRUSTED_(?:DOMAIN|RELATIONSHIP)_FAILURE|IO_TIMEOUT)\b/

const OPTIONS = new Set(['command', 'args', 'helpers', 'maxWaiting', 'timeout'])
/** After a process that ended without a word, how long until another is tried. */
const PAUSE: Milliseconds = 1000
/**
 * How long a client may take for its answer to a challenge while others wait for a helper:
 * strangers begin and do not go on.
 */
const ANSWER_TIME: Milliseconds = 1000

/**
 * Verifies NTLM through helper processes: Samba's `ntlm_auth` with winbind, which asks the domain.
 * They are started when they are needed, and again when they die; where none responds, the
 * client gets 503. A user's name is the helper's, `DOMAIN\name`.
 *
 * @throws {BadOption} An option is wrong.
 * @see {@link https://wiki.squid-cache.org/Features/AddonHelpers the helper protocol}: `YR` and
 *   `KK` there, `TT`, `AF`, `NA` and `BH` back
 * @example
 * const verifier = ntlmAuth({ helpers: 20 })
 * const strategy = new NtlmStrategy({ verifier })
 * app.addHook('onClose', async () => verifier.close())
 */
export function ntlmAuth (options: NtlmAuthOptions = {}): NtlmAuth {
  const {
    command = 'ntlm_auth', args = ['--helper-protocol=squid-2.5-ntlmssp'], helpers: most = 10, maxWaiting = 100, timeout = 5000
  } = checkOptions(options, OPTIONS)
  if (typeof command !== 'string' || command === '') throw new BadOption('command', 'the name of a program', typeof command)
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === 'string')) throw new BadOption('args', 'a list of texts', typeof args)
  readInteger(most, 'helpers', 1, MAX_TIMER)
  readInteger(maxWaiting, 'maxWaiting', 0, MAX_TIMER)
  readTime(timeout, 'timeout', 1)
  const all = new Set<NtlmHelper>()
  const idle: NtlmHelper[] = []
  const waiters: Waiter[] = []
  /** The oldest first. */
  const open = new Set<Open>()
  let looking: NodeJS.Timeout | undefined
  let pausedUntil = 0
  let closed = false

  function start (): NtlmHelper {
    const helper = new NtlmHelper(command, args, timeout, () => {
      all.delete(helper)
      if (idle.includes(helper)) idle.splice(idle.indexOf(helper), 1)
      if (!helper.works) pausedUntil = Date.now() + PAUSE
      serve()
    })
    all.add(helper)
    return helper
  }

  function take (): NtlmHelper | undefined {
    if (closed || Date.now() < pausedUntil) throw unavailable(closed ? 'it is closed' : 'it does not start')
    return idle.pop() ?? (all.size < most ? start() : takeBack())
  }

  function takeBack (): NtlmHelper | undefined {
    const [oldest] = open
    if (oldest === undefined || performance.now() - oldest.since < ANSWER_TIME) return undefined
    return release(oldest)
  }

  /** Ends what there is between the legs of a handshake, and returns its helper. */
  function release (handshake: Open): NtlmHelper | undefined {
    const { helper } = handshake
    open.delete(handshake)
    handshake.helper = undefined
    return helper
  }

  function give (helper: NtlmHelper): void {
    // Its answer would be taken for that to the next handshake.
    if (helper.busy) helper.end()
    if (helper.ended) return
    idle.push(helper)
    serve()
  }

  /** Hands helpers over to those who wait, as long as there are both. */
  function serve (): void {
    while (waiters.length > 0) {
      const [{ resolve, reject, timer }] = waiters as [Waiter]
      try {
        const helper = take()
        if (helper === undefined) {
          looking ??= setTimeout(guarded(look), ANSWER_TIME)
          return
        }
        resolve(helper)
      } catch (reason) {
        reject(reason as Error)
      }
      clearTimeout(timer)
      waiters.shift()
    }
  }

  function look (): void {
    looking = undefined
    serve()
  }

  async function acquire (): Promise<NtlmHelper> {
    const helper = waiters.length === 0 ? take() : undefined
    if (helper !== undefined) return helper
    if (waiters.length >= maxWaiting) throw unavailable('too many wait for it')
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(guarded(() => {
        waiters.splice(waiters.findIndex((each) => each.timer === timer), 1)
        reject(unavailable('none was free in time'))
      }), timeout)
      waiters.push({ resolve, reject, timer })
      serve()
    })
  }

  function exchangeOf (helper: NtlmHelper, challenge: Buffer): NtlmExchange<NtlmAuthUser> {
    const handshake: Open = { helper, since: performance.now() }
    open.add(handshake)
    return {
      challenge,
      async finish (message) {
        if (handshake.helper === undefined) throw unavailable('others needed it')
        open.delete(handshake) // an answer is on its way
        return await finish(helper, message)
      },
      end () {
        if (release(handshake) !== undefined) give(helper)
      }
    }
  }

  return {
    async begin ({ octets }: NegotiateMessage): Promise<NtlmExchange<NtlmAuthUser>> {
      const helper = await acquire()
      try {
        const answer = await helper.ask(`YR ${octets.toString('base64')}`)
        if (!/^TT [A-Za-z0-9+/]+=*$/.test(answer)) throw unavailable('it has no challenge')
        return exchangeOf(helper, Buffer.from(answer.slice(3), 'base64'))
      } catch (reason) {
        give(helper)
        throw reason
      }
    },
    close () {
      closed = true
      clearTimeout(looking)
      for (const helper of [...all]) helper.end()
      serve()
    }
  }
}

async function finish (
  helper: NtlmHelper, { octets, user, ntResponse }: AuthenticateMessage
): Promise<NtlmVerdict<NtlmAuthUser>> {
  // There are domains that accept guests.
  if (user === '' || ntResponse.length === 0) return { kind: 'wrong', note: { reason: 'anonymous', userId: null, guess: false } }
  const answer = await helper.ask(`KK ${octets.toString('base64')}`)
  if (NOT_ASKED.test(answer)) throw unavailable('it reaches no server that can tell')
  if (/^NA\b/.test(answer)) return { kind: 'wrong', note: { reason: 'verifier', userId: null, guess: true } }
  const username = /^AF (\S.*)$/.exec(answer)?.[1]?.trim()
  if (username === undefined) throw unavailable('it cannot tell')
  return { kind: 'right', user: { username }, userId: username }
}
