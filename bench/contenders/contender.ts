// A proxy to compare, before and while it runs.
import type { Child } from '../child.js'
import type { Load } from '../load/load.js'
import type { Ports } from '../measured.js'
import type { Usage } from '../usage.js'

/** What all contenders share. */
export interface World {
  /** Where the compiled servers are. */
  readonly folder: string
  /** The targets, by their ports: `http`, `echo`, `octets`, `contents`. */
  readonly origins: Child
  readonly load: Load
  /** What a second client does meanwhile. */
  readonly disturbance: Load
  /** A file of users whose one line is alice, with bcrypt. */
  readonly users: string
  /** Files of a certificate and its key, if there is openssl. */
  readonly certificate?: { readonly certFile: string, readonly keyFile: string }
}

export interface Running {
  /** Where it listens. The first is `port`. */
  readonly ports: Ports
  usage (): Promise<Usage>
  /** The same without garbage, where that can be told from outside. */
  collected (): Promise<Usage>
  end (): Promise<void>
}

export interface Contender {
  readonly name: string
  /** Which package to install, if it cannot run. */
  readonly missing: string | false
  /** Its version, for the record. */
  readonly version?: () => string
  /** Its code gets faster while it runs. */
  readonly warmsUp: boolean
  start (world: World): Promise<Running>
  /** The same of another build, under this name. */
  readonly ofBuild?: (name: string) => Contender
}

/** Of the one user that there is. */
export const USERNAME = 'alice'
export const PASSWORD = 'alice-secret'
export const BASIC = `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`
