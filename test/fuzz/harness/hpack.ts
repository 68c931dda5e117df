// HPACK (RFC 7541), as far as a client needs it that writes what it likes and reads all: the writer uses no table and no Huffman code.

import type { Field } from './message.js'

/** Appendix A. A name, or a name and its value. */
const STATIC: readonly Field[] = `:authority|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204|:status 206|
:status 304|:status 400|:status 404|:status 500|accept-charset|accept-encoding gzip, deflate|accept-language|accept-ranges|accept|
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language|content-length|
content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|
if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|
server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate`.replaceAll('\n', '').split('|').map(entry => {
    const [name = '', ...value] = entry.split(' ')
    return [name, value.join(' ')]
  })

/** Appendix B: the length of each octet's code, in bits. The code is canonical: these say all. */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26
]

/** Octets by the bits of their codes. */
const CODES = new Map<string, string>()
let code = 0
for (let length = 5; length <= 30; length++) {
  for (const [octet, each] of LENGTHS.entries()) {
    if (each === length) CODES.set((code++).toString(2).padStart(length, '0'), String.fromCharCode(octet))
  }
  code *= 2
}

/** Literals without an index, with new names. */
export function writeFields (fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), writeText(name), writeText(value)]))
}

function writeText (text: string): Buffer {
  const octets = Buffer.from(text, 'latin1')
  const head: number[] = []
  let length = octets.length
  if (length < 127) head.push(length)
  else {
    head.push(127)
    for (length -= 127; length >= 128; length >>= 7) head.push((length & 127) | 128)
    head.push(length)
  }
  return Buffer.concat([Buffer.from(head), octets])
}

/** Reads the blocks of fields of one connection, in order. */
export class FieldReader {
  private table: Field[] = []
  private limit = 4096

  read (block: Buffer): Field[] {
    const fields: Field[] = []
    let at = 0
    const integer = (bits: number): number => {
      const most = (1 << bits) - 1
      let value = block[at++]! & most
      if (value < most) return value
      for (let shift = 0; ; shift += 7) {
        const octet = block[at++]!
        value += (octet & 127) * 2 ** shift
        if (octet < 128) return value
      }
    }
    const text = (): string => {
      const coded = (block[at]! & 128) !== 0
      const length = integer(7)
      const octets = block.subarray(at, at += length)
      return coded ? uncode(octets) : octets.toString('latin1')
    }
    while (at < block.length) {
      const first = block[at]!
      if (first >= 128) fields.push(this.entry(integer(7)))
      else if (first >= 32 && first < 64) this.fit(integer(5))
      else {
        const index = integer(first >= 64 ? 6 : 4)
        const name = index === 0 ? text() : this.entry(index)[0]
        const field: Field = [name, text()]
        fields.push(field)
        if (first < 64) continue
        this.table.unshift(field)
        this.fit(this.limit)
      }
    }
    return fields
  }

  private entry (index: number): Field {
    const field = STATIC[index - 1] ?? this.table[index - 1 - STATIC.length]
    if (field === undefined) throw new Error(`no field with index ${index}`)
    return field
  }

  private fit (limit: number): void {
    this.limit = limit
    const size = (): number => this.table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
    while (this.table.length > 0 && size() > limit) this.table.pop()
  }
}

function uncode (octets: Buffer): string {
  let text = ''
  let bits = ''
  for (const octet of octets) {
    for (let bit = 7; bit >= 0; bit--) {
      bits += (octet >> bit) & 1
      const char = CODES.get(bits)
      if (char === undefined) continue
      text += char
      bits = ''
    }
  }
  return text
}
