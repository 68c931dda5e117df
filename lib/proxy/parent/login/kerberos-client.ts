import { loadPackage } from '../../../load-package.js'

/** One security context of the package `kerberos`, on the side of the client. */
export interface ClientContext {
  /**
   * Takes a token of the service, in base64; the first time none. Gives the next token, or `null`
   * where none is wanted. Rejects when the token is no good.
   */
  step (token: string): Promise<string | null>
  readonly contextComplete: boolean
}

/** What is used of the package `kerberos`. */
export interface KerberosClientPackage {
  initializeClient (
    service: string, options: { readonly mechOID: number, readonly flags: number, readonly principal?: string }
  ): Promise<ClientContext>
  readonly GSS_MECH_OID_SPNEGO: number
  readonly GSS_C_MUTUAL_FLAG: number
}

const PACKAGE = 'kerberos'

/**
 * Loads the package `kerberos`, which is an optional peer: it is compiled where it is installed.
 *
 * @throws {MissingPackage} It is not installed, or does not load.
 */
export async function loadKerberosClient (name: string = PACKAGE): Promise<KerberosClientPackage> {
  return (await loadPackage<{ default: KerberosClientPackage }>(name, 'Negotiate for a parent')).default
}
