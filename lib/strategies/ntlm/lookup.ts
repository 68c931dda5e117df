import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { formatChallengeMessage } from '../../schemes/ntlm/challenge.js'
import { ntHashOf } from '../../schemes/ntlm/keys.js'
import type { AuthenticateMessage, NegotiateMessage } from '../../schemes/ntlm/message.js'
import { readResponse, verifyResponse } from '../../schemes/ntlm/verify.js'
import type { NtlmContext } from '../../schemes/ntlm/verify.js'
import type { NtlmAccount, NtlmExchange, NtlmLookup, NtlmRefusalReason, NtlmSettings, NtlmVerdict, NtlmVerifier } from './options.js'
import { disagreement } from './protection.js'
import { isRight } from '../strategy.js'

/** What a name may be: none in use is longer, and no user's has a control char. */
const NAME = /^\P{Cc}{1,256}$/u

/**
 * Verifies NTLMv2 itself, from passwords or NT hashes.
 *
 * @param random - Makes the challenges. Default: node's random octets.
 */
export function verifyWith (
  lookup: NtlmLookup, { names, extendedProtection, targetNames }: NtlmSettings,
  random: (size: number) => Buffer = randomBytes
): NtlmVerifier {
  // An unknown user costs what a wrong password costs.
  const nobodys = randomBytes(16)

  async function finish (
    message: AuthenticateMessage, socket: Socket | undefined, context: NtlmContext
  ): Promise<NtlmVerdict> {
    const { user: username, domain } = message
    const response = read(message)
    if (typeof response === 'string') return wrong(response)
    if (!NAME.test(username) || (domain !== '' && !NAME.test(domain))) return wrong('user')
    const found = await lookup(username, domain)
    const account = isRight(found) ? found : null
    const verdict = verifyResponse(message, response, account === null ? nobodys : hashOf(account), context)
    if (account === null) return wrong('user', null, true)
    if (verdict !== 'right') return wrong(verdict, username, verdict === 'response')
    const reason = extendedProtection ? disagreement(response.pairs, socket, targetNames) : null
    if (reason !== null) return wrong(reason, username)
    return { kind: 'right', user: account.user ?? { username, domain }, info: account.info, userId: username }
  }

  return {
    begin ({ flags, octets }: NegotiateMessage): NtlmExchange {
      const serverChallenge = random(8)
      const challenge = formatChallengeMessage({ clientFlags: flags, serverChallenge, names, now: Date.now() })
      const context = { serverChallenge, negotiate: octets, challenge }
      return { challenge, finish: (message, socket) => finish(message, socket, context) }
    }
  }
}

function read (message: AuthenticateMessage): ReturnType<typeof readResponse> | 'malformed' {
  try {
    return readResponse(message)
  } catch {
    return 'malformed'
  }
}

function wrong (reason: NtlmRefusalReason, userId: string | null = null, guess = false): NtlmVerdict {
  return { kind: 'wrong', note: { reason, userId, guess } }
}

function hashOf (account: NtlmAccount): Buffer {
  const hash = ntHashOf(account)
  if (hash === undefined) throw new TypeError('an account has neither a password nor an NT hash')
  return hash
}
