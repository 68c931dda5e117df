import type { FastifyRequest } from 'fastify'
import { withoutFields } from '../../fields/raw-list.js'
import { BadOption, IdentityFailed, NotRepresentable } from '../../errors.js'
import { checkObject } from '../../check-option.js'
import { isToken } from '../../fields/grammar.js'
import { END_TO_END, HOP_BY_HOP_REQUEST } from '../../fields/hop-by-hop.js'
import type { ProxyIdentity } from '../../types.js'

/** How the upstream of a reverse route learns which user asks. */
export interface IdentityOptions {
  /**
   * The name of the field: letters, digits and hyphens. It must have no meaning in HTTP and none
   * for this gateway.
   */
  readonly header: string
  /**
   * Makes the value of the field: visible ASCII, with spaces inside. With an empty string the field
   * is left out.
   *
   * @defaultValue the `name`: what is not visible ASCII is percent-encoded as UTF-8, and so is `%`;
   *   `decodeURIComponent` gives every name back
   */
  readonly value?: (identity: ProxyIdentity) => string
}

const OPTIONS = new Set(['header', 'value'])
const NAME = /^[a-z\d-]+$/
const OTHER = /[^a-z\d]/g
/** Not what `value` may be: visible ASCII, spaces inside. */
const UNSENDABLE = /[^\x20-\x7e]|^ | $/
/** What in a name is encoded. */
const ENCODED = /[^\x20-\x7e]+|%|^ +| +$/gu
const CONTROL = /\p{Cc}/u

/**
 * The field that tells an upstream who the proxy user is. It comes from us or not at all: whatever
 * the client sent that an upstream could take for it is taken off (CVE-2025-64484), and ours is put
 * on last, where neither `Connection` of the client (CVE-2026-33805) nor the options' rewriting
 * takes it off again.
 */
export class IdentityField {
  /** In lower case. */
  readonly name: string
  private readonly value: (identity: ProxyIdentity) => string
  private readonly settled = new WeakMap<FastifyRequest, string>()

  /**
   * @param option - What errors call the options.
   * @throws {BadOption} They are wrong.
   */
  constructor (options: IdentityOptions, option: string) {
    const { header, value } = checkObject(options, option, OPTIONS)
    const name = typeof header === 'string' ? header.toLowerCase() : ''
    if (!isToken(name) || !NAME.test(name)) throw new BadOption(`${option}.header`, 'letters, digits and hyphens', typeof header)
    if (END_TO_END.has(name) || HOP_BY_HOP_REQUEST.has(name)) throw new BadOption(`${option}.header`, 'a name that HTTP and this gateway have no use for', `'${name}', which has a meaning of its own`)
    if (value !== undefined && typeof value !== 'function') throw new BadOption(`${option}.value`, 'a function', typeof value)
    this.name = name
    this.value = value === undefined ? ({ name }) => encodeName(name) : (identity) => checked(value(identity))
  }

  /**
   * Finds out what to tell for this request, before anything is sent.
   *
   * @throws {IdentityFailed} It cannot be sent, or the options' function failed.
   */
  settle (request: FastifyRequest): string {
    const known = this.settled.get(request)
    if (known !== undefined) return known
    try {
      const value = request.proxyAuth === null ? '' : this.value(request.proxyAuth)
      this.settled.set(request, value)
      return value
    } catch (cause) {
      throw new IdentityFailed({ cause })
    }
  }

  /**
   * Whether an upstream may take a field of this name for ours: CGI, and what is built like it,
   * knows neither case nor which char is between the words.
   */
  isSpelling (name: string): boolean {
    return name.length === this.name.length && name.toLowerCase().replace(OTHER, '-') === this.name
  }
}

/** What upstreams are told by on one route. */
export interface RouteIdentity {
  /** The field of this route; `null`: its upstream is not told. */
  readonly own: IdentityField | null
  /** The fields of all routes, its own too: an upstream gets none of them from a client. */
  readonly all: readonly IdentityField[]
}

/** No route tells it. */
export const NO_IDENTITY: RouteIdentity = Object.freeze({ own: null, all: [] })

/**
 * Leaves out of a flat raw list what an upstream could take for one of these fields. Where there is
 * none of them, it need not be called.
 */
export function withoutIdentities (fields: string[], all: readonly IdentityField[]): string[] {
  return withoutFields(fields, (name) => all.some((each) => each.isSpelling(name)))
}

/**
 * Adds the field of a route to a flat raw list, in the place of all that could be taken for it or
 * for that of another route.
 */
export function tellIdentity (fields: string[], request: FastifyRequest, { own, all }: RouteIdentity): string[] {
  const told = withoutIdentities(fields, all)
  const value = own === null ? '' : own.settle(request)
  if (value !== '') told.push(own!.name, value)
  return told
}

function checked (value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('the value is no text')
  const at = value.search(UNSENDABLE)
  if (at !== -1) throw new NotRepresentable(at)
  return value
}

/** A name with a control char is an attack: it is not told in any form. */
function encodeName (name: string): string {
  const at = name.search(CONTROL)
  if (at !== -1) throw new NotRepresentable(at)
  return name.replace(ENCODED, encodeURIComponent)
}
