// The layers without sockets: fields, schemes, patterns and account files read whatever there is, in linear time, and throw
// nothing but errors of ours.

import { createSecretKey } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { readAccept } from '../../lib/fields/accept.js'
import { formatAuthenticationInfo, parseAuthenticationInfo } from '../../lib/fields/authentication-info.js'
import { formatAuthority, parseTarget, readAuthority, withoutUserinfo } from '../../lib/fields/target.js'
import { formatChallenge, parseChallenges } from '../../lib/fields/challenge.js'
import { formatCredentials, parseCredentials } from '../../lib/fields/credentials.js'
import { formatExtValue, parseExtValue } from '../../lib/fields/ext-value.js'
import { connectionOptions, endToEnd } from '../../lib/fields/hop-by-hop.js'
import { parseHostField } from '../../lib/fields/host.js'
import { parseMaxForwards } from '../../lib/fields/max-forwards.js'
import { quote, readQuoted } from '../../lib/fields/quoted-string.js'
import { spelled } from '../../lib/fields/spelling.js'
import { acceptedProtocols, upgradeProtocols } from '../../lib/fields/upgrade.js'
import { parseVia, viaNames } from '../../lib/fields/via.js'
import { BadOption, NotRepresentable } from '../../lib/errors.js'
import { readAddress } from '../../lib/policy/address/address.js'
import { canonicalHost } from '../../lib/policy/target/canonical-host.js'
import { embeddedIPv4 } from '../../lib/policy/address/embedded-address.js'
import { parsePattern } from '../../lib/policy/target/pattern.js'
import { canonicalPath, canonicalQuery } from '../../lib/schemes/aws4/canonical-request.js'
import { formatAws4Credentials, parseAws4Credentials } from '../../lib/schemes/aws4/credentials.js'
import { readSigningTime } from '../../lib/schemes/aws4/date.js'
import { readSignedTarget } from '../../lib/schemes/aws4/signed-target.js'
import { readUserPass } from '../../lib/schemes/basic.js'
import { formatScope, readToken } from '../../lib/schemes/bearer.js'
import { answerDigestChallenge } from '../../lib/schemes/digest/client.js'
import { readNonce } from '../../lib/schemes/digest/nonce.js'
import { readDigestParameters } from '../../lib/schemes/digest/parameters.js'
import { isSignedTarget } from '../../lib/schemes/digest/uri-match.js'
import { decodeEscapedUsername, decodeUsername } from '../../lib/schemes/digest/username.js'
import { listKeytab } from '../../lib/schemes/negotiate/keytab.js'
import { readPrincipal } from '../../lib/schemes/negotiate/principal.js'
import { kindOf, readToken as readNegotiateToken } from '../../lib/schemes/negotiate/token.js'
import { readAvPairs } from '../../lib/schemes/ntlm/av-pairs.js'
import { answerNtlmChallenge } from '../../lib/schemes/ntlm/client.js'
import { readMessage } from '../../lib/schemes/ntlm/message.js'
import { readResponse } from '../../lib/schemes/ntlm/verify.js'
import { htdigest } from '../../lib/users/htdigest.js'
import { htpasswd } from '../../lib/users/htpasswd.js'
import { readPasswordHash } from '../../lib/users/password-hash.js'
import { Finding } from './harness/finding.js'
import type { Fuzzer } from './harness/fuzzer.js'
import type { Random } from './harness/random.js'

/** Octets, one char each, of which some are repeated. */
interface Input {
  readonly layer: string
  readonly parts: ReadonlyArray<readonly [text: string, times: number]>
}

/** Tries a text. A layer that both reads and writes gives back what it has read, from the text and from what it wrote of it. */
type Try = (text: string) => unknown

const LIMIT = 65_536
/** In ms of the processor, for 64 KiB. */
const MOST = 100
/** For a file of some 20,000 accounts, each of which is an object. */
const MOST_OF_A_FILE = 1000

const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
const key = createSecretKey(Buffer.alloc(32))
const scope = { realm: 'r', algorithm: 'MD5', storeId: 's', lifetime: 1, oneTime: false }

/** What has been read once has to be read again from what is written of it. */
function stable<Value> (read: (text: string) => Value, write: (value: Value) => string): Try {
  return text => {
    const value = read(text)
    let written
    try {
      written = write(value)
    } catch (error) {
      if (error instanceof NotRepresentable) return
      throw error
    }
    const again = read(written)
    if (!isDeepStrictEqual(plain(again), plain(value))) throw new Finding('what was written reads otherwise', { value, written, again })
  }
}

/** The host that policy decides on. `null`: it refuses any request for it. */
function judged (host: string): string | null {
  try {
    return canonicalHost(host)
  } catch (error) {
    if (!isOurs(error)) throw error
    return null
  }
}

/** Without prototypes and methods. */
function plain (value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function ntlm (text: string): void {
  const message = readMessage(text)
  if (message.type === 3) readResponse(message)
}

const login = { username: 'a', password: 'b' }
const first = answerNtlmChallenge('NTLM', login)!

function ntlmClient (challenges: string): void {
  answerNtlmChallenge(challenges, login, first)
}

/** Opens a file of accounts, asks it, and closes it. */
async function accounts (text: string, open: (path: string) => { close (): Promise<void> }, ask: (file: never) => unknown): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    const path = join(folder, 'accounts')
    await writeFile(path, text, 'latin1')
    const file = open(path)
    await ask(file as never)
    await file.close()
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Errors that are no class of ours, by what may throw them. */
const LAYERS: Readonly<Record<string, { readonly run: Try, readonly throws?: readonly Function[], readonly most?: number }>> = {
  accept: { run: readAccept },
  'authentication-info': { run: stable(text => parseAuthenticationInfo(text), formatAuthenticationInfo) },
  authority: {
    run: stable(text => {
      const authority = readAuthority(text)
      if (typeof authority === 'string') return null
      const { host, port = 1, wireHost } = authority
      // Policy is asked about the one and the origin gets the other.
      if (judged(host) !== judged(wireHost)) throw new Finding('what is judged is not what is written', authority)
      return { host, port, wireHost }
    }, value => value === null ? '' : formatAuthority(value.wireHost, value.port))
  },
  host: { run: parseHostField },
  challenges: { run: stable(text => parseChallenges(text), challenges => challenges.map(formatChallenge).join(', ')) },
  'challenges, lenient': { run: text => parseChallenges(text, { lenient: true }) },
  credentials: { run: stable(text => parseCredentials(text), formatCredentials) },
  'credentials, lenient': { run: text => parseCredentials(text, { lenient: true }) },
  'ext-value': { run: stable(parseExtValue, formatExtValue) },
  'hop-by-hop': {
    run: text => {
      const lines = text.split('\n').flatMap(line => [line.split(':')[0]!, line])
      connectionOptions(lines)
      endToEnd(lines, 'request')
    }
  },
  'max-forwards': { run: parseMaxForwards },
  'quoted-string': { run: stable(text => readQuoted(text, 0).value, quote) },
  spelling: { run: spelled },
  target: { run: text => { for (const method of ['GET', 'CONNECT', 'OPTIONS']) ours(() => parseTarget(method, text)) } },
  'without userinfo': {
    run: text => {
      const bare = withoutUserinfo(text)
      if (withoutUserinfo(bare) !== bare) throw new Finding('userinfo is left', { text, bare })
    }
  },
  upgrade: { run: text => { upgradeProtocols(text); acceptedProtocols(text, ['websocket']) } },
  via: { run: text => { viaNames([text], 'fuzzed'); parseVia(text) } },
  basic: { run: text => readUserPass(parseCredentials(text)) },
  'basic, latin1': { run: text => readUserPass(parseCredentials(text), { latin1Fallback: true } as never) },
  bearer: { run: text => { formatScope(text); readToken(parseCredentials(text)) } },
  aws4: { run: stable(parseAws4Credentials, formatAws4Credentials) },
  'aws4 date': { run: readSigningTime },
  'aws4 target': { run: text => readSignedTarget('GET', text, text) },
  'aws4 path': { run: text => { canonicalPath(text); canonicalQuery(text) } },
  digest: { run: text => readDigestParameters(parseCredentials(text)) },
  'digest, lenient': { run: text => readDigestParameters(parseCredentials(text, { lenient: true })) },
  'digest client': { run: text => answerDigestChallenge(text, { username: 'a', password: 'b', method: 'GET', uri: '/', nc: 1, cnonce: 'c' }), throws: [NotRepresentable] },
  'digest uri': { run: text => isSignedTarget(text, { method: 'GET', target: 'http://origin.test/a?b' } as never) },
  'digest username': { run: text => { decodeEscapedUsername(text); decodeUsername(text, true) } },
  'digest nonce': { run: text => readNonce(text, [key], scope as never) },
  keytab: { run: text => listKeytab(octets(text)), throws: [RangeError] },
  principal: { run: readPrincipal },
  negotiate: { run: text => { readNegotiateToken(`Negotiate ${text}`); kindOf(octets(text)) } },
  ntlm: { run: ntlm },
  'ntlm octets': { run: text => ntlm(octets(text).toString('base64')) },
  'ntlm client': { run: text => ntlmClient(`NTLM ${octets(text).toString('base64')}`) },
  'ntlm client, fields': { run: ntlmClient },
  'av pairs': { run: text => readAvPairs(octets(text)) },
  address: {
    run: text => {
      const address = readAddress(text)
      if (address === null) return
      embeddedIPv4(address)
      if (readAddress(address.text)?.bits !== address.bits) throw new Finding('an address has another text', address.text)
    }
  },
  'canonical host': { run: stable(canonicalHost, host => host) },
  pattern: { run: text => parsePattern(text, 'allow'), throws: [BadOption] },
  'password hash': { run: text => readPasswordHash(text) },
  htpasswd: {
    run: async text => await accounts(text, path => htpasswd(path, { cleartext: true }), async (file: ReturnType<typeof htpasswd>) => await file.verify({ username: 'a', password: 'b' } as never)),
    throws: [BadOption],
    most: MOST_OF_A_FILE
  },
  htdigest: {
    run: async text => await accounts(text, path => htdigest(path), async (file: ReturnType<typeof htdigest>) => await file.lookup('a', 'r', 'MD5')),
    throws: [BadOption],
    most: MOST_OF_A_FILE
  }
}

/** Runs what may refuse, where others have to be tried behind it. */
function ours (run: () => unknown): void {
  try {
    run()
  } catch (error) {
    if (!isOurs(error)) throw error
  }
}

function isOurs (error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith('FST_PROXY_AUTH_')
}

/** What grammars are made of. */
const PIECES = [
  ' ', '\t', ',', ', ', '=', '"', '\\', '\\"', ';', ':', '/', '//', '@', '?', '#', '%', '%zz', '%2f', '%00', '(', ')', '*', '.', '..', '-', '[', ']', '[::1]', '::ffff:1.2.3.4', '0x7f.1', '127.0.0.1', '1.2.3.4/8', '~', '\n', '\r', '\0', '\x7f', '\x80', '\xff', '\xc3\xa9', '\xed\xa0\x80',
  'a', 'A', '0', '00000001', '99999999999999999999', 'xn--', '*.test', 'origin.test', ':80', ':65536', 'http://', 'https://', 'HTTP/1.1', '1.1 fuzzed', 'q=0.5', 'text/html',
  'Basic ', 'Bearer ', 'Digest ', 'NTLM ', 'Negotiate ', 'AWS4-HMAC-SHA256 ', 'realm="a"', 'nonce="a"', 'username="a"', 'username*=UTF-8\'\'a', 'uri="/"', 'response="0123456789abcdef0123456789abcdef"', 'qop=auth', 'qop="auth,auth-int"', 'nc=00000001', 'cnonce="c"',
  'opaque=""', 'algorithm=MD5', 'algorithm=SHA-256-sess', 'userhash=true', 'nextnonce="a"', 'rspauth="a"', 'Credential=a/20260101/local/proxy/aws4_request', 'SignedHeaders=host;x-amz-date', 'Signature=' + 'a'.repeat(64), '20260101T000000Z', 'YWxpY2U6eA==', 'YTrDqQ==', 'TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA=', 'YGYGBisGAQUFAqBc',
  '$2y$05$abcdefghijklmnopqrstuu', '$apr1$abcdefgh$', '{SHA}', '$argon2id$v=19$m=16,t=1,p=1$', 'a:r:0123456789abcdef0123456789abcdef', 'a:b\n', 'Connection: ', 'close', 'websocket', 'h2c'
]

/** What is read from octets begins like this. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  basic: 'Basic ',
  'basic, latin1': 'Basic ',
  bearer: 'Bearer ',
  digest: 'Digest ',
  'digest, lenient': 'Digest ',
  'digest client': 'Digest realm="r", nonce="n"',
  aws4: 'AWS4-HMAC-SHA256 ',
  keytab: '\x05\x02',
  'ntlm octets': 'NTLMSSP\0\x03\0\0\0',
  // All the flags that there are, and what follows is 64 octets of attributes.
  'ntlm client': `NTLMSSP\0\x02\0\0\0${'\0'.repeat(8)}${'\xff'.repeat(4)}${'\0'.repeat(16)}\x40\0\x40\0\x30\0\0\0`,
  'ntlm client, fields': 'NTLM TlRMTVNTUAACAAAA',
  ntlm: 'TlRMTVNTUAADAAAA',
  'quoted-string': '"',
  'ext-value': 'UTF-8\'\'',
  negotiate: '\x60',
  target: 'http://',
  host: 'a'
}

function make (random: Random, layer: string): Input['parts'] {
  const piece = (): string => random.weighted<() => string>([20, () => random.one(PIECES)], [2, () => random.octets(1 + random.integer(8))])()
  const parts: Array<[string, number]> = random.some(0, 12, () => [piece(), 1])
  const beginning = BEGINNINGS[layer]
  if (beginning !== undefined && !random.once(4)) parts.unshift([beginning, 1])
  if (random.once(12)) {
    const long = random.once(2) ? piece() : piece() + piece()
    parts.splice(random.integer(parts.length + 1), 0, [long, Math.floor(LIMIT / long.length)])
  }
  return parts
}

const fuzzer: Fuzzer<Input> = {
  name: 'pure',
  world: false,

  generate (random) {
    const layer = random.one(Object.keys(LAYERS))
    return { layer, parts: make(random, layer) }
  },

  async run (_world, { layer, parts }) {
    const { run, throws = [], most = MOST } = LAYERS[layer]!
    const text = parts.map(([text, times]) => text.repeat(times)).join('').slice(0, LIMIT)
    // The first time may be that of the compiler, or of a machine that is busy.
    for (let tries = 3; ; tries--) {
      const start = process.cpuUsage()
      try {
        await run(text)
      } catch (error) {
        if (error instanceof Finding) throw new Finding(`${layer}: ${error.kind}`, error.message)
        if (!isOurs(error) && !throws.some(type => error instanceof type)) throw new Finding(`${layer} throws ${(error as Error).name}`, (error as Error).stack)
      }
      const { user, system } = process.cpuUsage(start)
      const spent = (user + system) / 1000
      if (spent <= most) return
      if (tries === 1) throw new Finding(`${layer} takes long`, `${Math.round(spent)} ms for ${text.length} octets`)
    }
  },

  * shrink ({ layer, parts }) {
    for (let index = 0; index < parts.length; index++) yield { layer, parts: parts.toSpliced(index, 1) }
    for (const [index, [text, times]] of parts.entries()) {
      for (const fewer of times > 1 ? [1, times >> 1] : []) yield { layer, parts: parts.with(index, [text, fewer]) }
      for (let at = 0; at < text.length; at++) yield { layer, parts: parts.with(index, [text.slice(0, at) + text.slice(at + 1), times]) }
    }
  }
}

export default fuzzer
