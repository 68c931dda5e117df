import { UpstreamProtocol } from '../../../errors.js'
import { endOfToken, skipOws } from '../../../fields/grammar.js'
import { valuesOf } from '../../../fields/raw-list.js'
import type { Budget, Octets } from './octets.js'

/** The head of a response to CONNECT. */
export interface ParentResponse {
  readonly version: '1.0' | '1.1'
  /** 200 to 599. */
  readonly status: number
  /** A flat raw list. */
  readonly fields: readonly string[]
}

/** Interim responses before the one that counts. */
const MAX_INTERIM = 16
/** The most of a refusal that is read for the sake of the connection it came on. */
const MAX_CONTENT = 262_144
const STATUS_LINE = /^HTTP\/(1\.[01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const LENGTH = /^\d{1,9}$/
const CHUNK = /^([0-9a-f]{1,7})[\t ]*(?:;|$)/i

/**
 * Reads the response of a parent up to the end of its head. What could be read in two ways is no
 * response: a bare LF, a line that is folded, a space before the colon.
 *
 * @param max - The most octets of all heads, interim responses included.
 * @returns `null`: the connection ended without a word.
 * @throws {UpstreamProtocol} It is no response. @throws {UpstreamHeadTooLarge}
 */
export async function readResponse (octets: Octets, max: number): Promise<ParentResponse | null> {
  if (!await octets.some()) return null
  const budget = { left: max }
  for (let count = 0; count <= MAX_INTERIM; count++) {
    const response = await readHead(octets, budget)
    if (response.status >= 200) return response
    if (response.status === 101) break // nothing else is spoken here
  }
  throw new UpstreamProtocol()
}

async function readHead (octets: Octets, budget: Budget): Promise<ParentResponse> {
  const [, version, status] = STATUS_LINE.exec(await octets.line(budget, 'HTTP/1.')) ?? []
  if (version === undefined) throw new UpstreamProtocol()
  const fields: string[] = []
  for (;;) {
    const line = await octets.line(budget)
    if (line === '') return { version: version as '1.0' | '1.1', status: Number(status), fields }
    const colon = endOfToken(line, 0)
    const value = trimmed(line, colon + 1)
    if (colon === 0 || line[colon] !== ':' || NO_VALUE.test(value)) throw new UpstreamProtocol()
    fields.push(line.slice(0, colon), value)
  }
}

function trimmed (line: string, at: number): string {
  const start = skipOws(line, at)
  let end = line.length
  while (end > start && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
  return line.slice(start, end)
}

/**
 * Reads the content of a refusal, so that the connection can carry another request.
 *
 * @returns Whether it can: the parent keeps it, and it is certain where the content ends.
 */
export async function skipContent (response: ParentResponse, octets: Octets): Promise<boolean> {
  try {
    return isKept(response) && await skipped(response, octets) && !octets.waiting
  } catch {
    return false // it ended within the content, or was no content
  }
}

/** HTTP/1.0 keeps a connection only where it says so (RFC 9112, 9.3). */
function isKept ({ version, fields }: ParentResponse): boolean {
  const options = [...valuesOf(fields, 'connection'), ...valuesOf(fields, 'proxy-connection')].join().toLowerCase()
  const says = (option: string) => options.split(',').some((each) => each.trim() === option)
  return !says('close') && (version === '1.1' || says('keep-alive'))
}

async function skipped ({ version, fields }: ParentResponse, octets: Octets): Promise<boolean> {
  const codings = valuesOf(fields, 'transfer-encoding')
  const lengths = valuesOf(fields, 'content-length')
  if (codings.length === 0) {
    const [length = ''] = lengths
    if (lengths.length !== 1 || !LENGTH.test(length) || Number(length) > MAX_CONTENT) return false
    await octets.skip(Number(length))
    return true
  }
  if (version === '1.0' || lengths.length > 0 || codings.join().toLowerCase() !== 'chunked') return false
  const budget = { left: MAX_CONTENT }
  for (;;) {
    const [, digits] = CHUNK.exec(await octets.line(budget)) ?? []
    if (digits === undefined) return false
    const size = parseInt(digits, 16)
    if (size === 0) break
    budget.left -= size
    if (budget.left < 0) return false
    await octets.skip(size)
    if (await octets.line(budget) !== '') return false
  }
  while (await octets.line(budget) !== '');
  return true
}
