import type { FastifyRequest } from 'fastify'
import { HOP_BY_HOP_RESPONSE } from '../../fields/hop-by-hop.js'
import type { FieldRecord } from '../../fields/hop-by-hop.js'
import { mergeIntoRaw } from '../../fields/merge-into-raw.js'
import { recordOf } from '../../fields/raw-list.js'

/** `rewriteHeaders` of the options. */
export type RewriteResponse = (headers: FieldRecord, request: FastifyRequest) => FieldRecord

/**
 * The fields of a response after the options' word: what ends at this hop is removed once more, and
 * `Via` stays.
 *
 * @param fields - A flat raw list, this hop's fields removed, our member of `Via` added.
 * @returns Likewise.
 */
export function rewrittenResponse (
  fields: readonly string[], rewrite: RewriteResponse, request: FastifyRequest
): string[] {
  const received = recordOf(fields)
  const rewritten = rewriteOf(received, rewrite, request)
  const head: FieldRecord = Object.create(null)
  for (const name of Object.keys(rewritten)) {
    const usual = name.toLowerCase()
    if (!HOP_BY_HOP_RESPONSE.has(usual) && usual !== 'via') head[usual] = rewritten[name]
  }
  head['via'] = received['via']
  return mergeIntoRaw(fields, head)
}

/**
 * What the options make of a head. @fastify/http-proxy takes `Location` for text: of several lines
 * it gets the first, and all stay where it leaves that as it is.
 *
 * @quirk http-proxy-location
 */
function rewriteOf (received: FieldRecord, rewrite: RewriteResponse, request: FastifyRequest): FieldRecord {
  const { location } = received
  if (!Array.isArray(location)) return rewrite({ ...received }, request)
  const rewritten = rewrite({ ...received, location: location[0] }, request)
  return rewritten['location'] === location[0] ? { ...rewritten, location } : rewritten
}
