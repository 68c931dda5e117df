/** Of version 5.2, the only one that is still written. */
const VERSION = 0x0502
const ESCAPED = /[\\/@]/g

/**
 * Lists whose keys a keytab has. Nothing is done with the keys themselves.
 *
 *     keytab = %x05.02 *( size entry )            ; a negative size: a hole
 *     entry  = count realm 1*component *OCTET     ; each with its length in two octets
 *
 * @returns The principals, each once, in their order.
 * @throws {RangeError} It is no keytab, or is cut short.
 * @see
 *   {@link https://web.mit.edu/kerberos/krb5-latest/doc/formats/keytab_file_format.html Keytab file format}
 * @example
 * listKeytab(readFileSync('/etc/krb5.keytab')) // ['HTTP/proxy.example.org@EXAMPLE.ORG']
 */
export function listKeytab (file: Buffer): string[] {
  if (file.length < 2 || file.readUInt16BE(0) !== VERSION) throw new RangeError('no keytab')
  const principals = new Set<string>()
  for (let at = 2; at + 4 <= file.length;) {
    const size = file.readInt32BE(at)
    at += 4
    if (size === 0) break
    const end = at + Math.abs(size)
    if (end > file.length) throw new RangeError('a keytab that is cut short')
    if (size > 0) principals.add(principalOf(file.subarray(at, end)))
    at = end
  }
  return [...principals]
}

function principalOf (entry: Buffer): string {
  const count = entry.readUInt16BE(0)
  const texts: string[] = []
  let at = 2
  for (let i = 0; i <= count; i++) {
    const end = at + 2 + entry.readUInt16BE(at)
    if (end > entry.length) throw new RangeError('a keytab that is cut short')
    texts.push(entry.toString('utf8', at + 2, end).replace(ESCAPED, '\\$&'))
    at = end
  }
  const [realm, ...components] = texts
  return `${components.join('/')}@${realm}`
}
