import { readFile, stat } from 'node:fs/promises'
import { BadOption } from '../../errors.js'
import { loadPackage } from '../../load-package.js'
import { listKeytab } from '../../schemes/negotiate/keytab.js'
import { readPrincipal } from '../../schemes/negotiate/principal.js'

/** One security context of the package `kerberos`, on the side of the service. */
export interface SecurityContext {
  /**
   * Takes a token of the client, in base64. Rejects when it is no good, and when another is wanted:
   * then there is a response.
   */
  step (token: string): Promise<unknown>
  readonly contextComplete: boolean
  /** The token for the client, in base64. */
  readonly response?: string | null
  /** The principal of the client. */
  readonly username?: string | null
  /** The principal of the service that the client's ticket is for. */
  readonly targetName?: string | null
}

/** What is used of the package `kerberos`. */
export interface KerberosPackage {
  initializeServer (service: string): Promise<SecurityContext>
}

const PACKAGE = 'kerberos'

/**
 * Loads the package `kerberos`, which is an optional peer: it is compiled where it is installed.
 *
 * @throws {MissingPackage} It is not installed, or does not load.
 */
export async function loadKerberos (name: string = PACKAGE): Promise<KerberosPackage> {
  return (await loadPackage<{ default: KerberosPackage }>(name, 'NegotiateStrategy')).default
}

/**
 * The file with the keys of services: what `KRB5_KTNAME` says, else the system's. GSSAPI reads the
 * same, for the whole process.
 *
 * @returns `undefined` when the keys are in no file.
 */
export function keytabPath (name: string | undefined = process.env['KRB5_KTNAME']): string | undefined {
  if (name === undefined || name === '') return '/etc/krb5.keytab'
  const [, type, path] = /^(?:(\w+):)?(.*)$/s.exec(name)!
  return type === undefined || type === 'FILE' || type === 'WRFILE' ? path : undefined
}

/** Tells whether a principal is one of ours: the service that was named, or any of HTTP. */
export function isService (principal: string, service: string | undefined): boolean {
  const name = readPrincipal(principal)?.name
  if (name === undefined) return false
  return service === undefined ? name.startsWith('HTTP/') : service === name || service === principal
}

/**
 * Looks after the keytab: GSSAPI itself finds no fault in one before a client comes, and then says
 * it is the mechanism.
 */
export class Keytab {
  /** What was found good. */
  private good = ''

  /** @param service - As `HTTP/proxy.example.org`, the realm behind it or not. */
  constructor (private readonly service: string | undefined) {}

  /**
   * Insists on a keytab that can be read and has a key of the service.
   *
   * @throws {BadOption} It says what is missing, and what is there.
   */
  async check (): Promise<void> {
    const path = keytabPath()
    if (path === undefined) return
    const wanted = `the name of a keytab with a key of ${this.service ?? 'HTTP/ and the name of the proxy'}`
    const told = (found: string, cause?: unknown) => Object.assign(new BadOption(`KRB5_KTNAME (${path})`, wanted, found), { cause })
    let principals: string[]
    try {
      const { mtimeMs, size, ino } = await stat(path)
      const state = [path, mtimeMs, size, ino].join()
      if (state === this.good) return
      principals = listKeytab(await readFile(path))
      if (principals.some((principal) => isService(principal, this.service))) {
        this.good = state
        return
      }
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      throw told(code === 'ENOENT' ? 'that of no file' : code === undefined ? 'that of another file' : `${code} for reading it`, cause)
    }
    throw told(principals.length === 0 ? 'an empty one' : `one with keys of ${principals.join(', ')}`)
  }
}
