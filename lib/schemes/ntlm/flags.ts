/**
 * What the two sides agree on, by bits of `NegotiateFlags` (MS-NLMP, 2.2.2.5). Those that matter
 * here.
 */
export const FLAGS = Object.freeze({
  /** Texts are UTF-16LE. */
  unicode: 0x00000001,
  /** Texts are in a code page of one octet a char. */
  oem: 0x00000002,
  requestTarget: 0x00000004,
  sign: 0x00000010,
  seal: 0x00000020,
  ntlm: 0x00000200,
  /** The client wants in without a name. */
  anonymous: 0x00000800,
  alwaysSign: 0x00008000,
  targetTypeServer: 0x00020000,
  extendedSessionSecurity: 0x00080000,
  targetInfo: 0x00800000,
  version: 0x02000000,
  key128: 0x20000000,
  /** The client has chosen the session key and sends it, encrypted. */
  keyExchange: 0x40000000,
  key56: 0x80000000
})

/** Whether a flag is set. */
export function has (flags: number, flag: number): boolean {
  return (flags & flag) !== 0
}
