import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { DuplicateField } from '../../errors.js'
import { noteLength } from '../../fields/raw-list.js'

/**
 * Reads the one value of a field with credentials. Node keeps the first of two lines in `headers`
 * and says nothing, so this goes by the raw ones; a second Host is refused on the way, since what
 * is decided here is decided for a target.
 *
 * @param name - In lower case.
 * @returns The value, `undefined` when the field is absent.
 * @throws {DuplicateField} The field, or Host, occurs twice (RFC 9112, 3.2).
 */
export function readCredentials ({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  let value: string | undefined
  let hosts = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!
    if (field.length === 4) {
      if (field.toLowerCase() === 'host' && ++hosts > 1) throw new DuplicateField('Host')
    } else if (field.length === name.length && field.toLowerCase() === name) {
      if (value !== undefined) throw new DuplicateField(name)
      value = rawHeaders[i + 1]!
    }
  }
  return value
}

/**
 * Takes fields off a request for good, from `headers` and from the raw list, so that neither a
 * later hook nor an upstream finds them.
 */
export function consume (request: IncomingMessage, names: readonly string[]): void {
  const { headers, rawHeaders } = request
  const length = rawHeaders.length
  for (const name of names) {
    delete headers[name]
    for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
      if (rawHeaders[i]!.length === name.length && rawHeaders[i]!.toLowerCase() === name) {
        noteLength(request)
        rawHeaders.splice(i, 2)
      }
    }
  }
  if (rawHeaders.length < length) Object.defineProperty(request, 'headersDistinct', DISTINCT)
}

/**
 * Takes fields off those that a hook of the application has put in the place of node's
 * (`request.headers = …`), which Fastify shows from then on.
 */
export function consumeReplaced (request: FastifyRequest, names: readonly string[]): void {
  const kept = Object.entries(request.headers).filter(([name]) => !names.includes(name.toLowerCase()))
  request.headers = Object.fromEntries(kept)
}

// node makes `headersDistinct` from the raw list when it is first asked for, and throws where that
// has got shorter. Where it was made before, it would still have what was taken off.
const DISTINCT: PropertyDescriptor & ThisType<IncomingMessage> = {
  get () {
    const distinct: NodeJS.Dict<string[]> = Object.create(null)
    for (let i = 0; i < this.rawHeaders.length; i += 2) {
      (distinct[this.rawHeaders[i]!.toLowerCase()] ??= []).push(this.rawHeaders[i + 1]!)
    }
    return distinct
  }
}
