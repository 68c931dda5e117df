// Child side of the benchmark: what a server was told.
import { readFileSync } from 'node:fs'
import type { GatewayOptions } from './contenders/node.js'

export type Options = GatewayOptions & {
  readonly username: string
  readonly password: string
  /** The file of users. */
  readonly users?: string
  readonly certificate?: { readonly certFile: string, readonly keyFile: string }
}

export function readOptions (): Options {
  return JSON.parse(process.env['OPTIONS']!) as Options
}

/** As node's TLS takes it. */
export function tls ({ certificate }: Options): { readonly cert: string, readonly key: string } {
  return { cert: readFileSync(certificate!.certFile, 'utf8'), key: readFileSync(certificate!.keyFile, 'utf8') }
}
