import type { Certificate } from '../../test/fixtures/certificate.js'

/** How a request gets to the gateway. */
export type Form = 'absolute-form' | 'CONNECT' | 'origin-form'
export const FORMS: readonly Form[] = ['absolute-form', 'CONNECT', 'origin-form']

/** What the gateway listens with: in the clear, TLS with HTTP/1.1 alone, TLS with HTTP/2 beside it. */
export type Listener = 'plain' | 'TLS' | 'h2'
export const LISTENERS: readonly Listener[] = ['plain', 'TLS', 'h2']

/** What a client is told to say: a name with a password, or a whole value of the field. */
export interface Account {
  readonly username: string
  readonly password: string
  /** What to put into the field as it is, where the scheme is one of tokens. */
  readonly value?: string
}

/** A scheme as the matrix runs it. */
export interface Scheme {
  readonly name: string
  /** As `Proxy-Authorization` and the log spell it. */
  readonly token: string
  /** The environment of examples/gateway.ts that offers it, and nothing else. */
  readonly env: NodeJS.ProcessEnv
  readonly right: Account
  readonly wrong: Account
  /** Never offered over HTTP/2: it authenticates a connection. */
  readonly connectionBound?: boolean
}

/** One cell of the matrix. */
export interface Cell {
  readonly scheme: Scheme
  readonly form: Form
  readonly listener: Listener
}

/** One thing for a client to do: fetch `url`, through the proxy or, in origin-form, from the gateway itself. */
export interface Exchange extends Cell {
  /** Marks it: the first label of the host, or the last segment of the path. */
  readonly id: string
  readonly account: Account
  /** Of the gateway, without an account. */
  readonly proxy: URL
  readonly url: URL
  /** What the client has to trust, for the gateway and for the origin. */
  readonly ca: Certificate
}

/** What a client made of it: whether it got the answer of the origin, and what it says otherwise. */
export interface Told {
  readonly served: boolean
  readonly says: string
}

/** Why a cell is not supported. */
export interface Reason {
  readonly id: string
  readonly text: string
  /** Nothing that we have read tells it, so Squid is the witness: the client fails there as well. */
  readonly squid?: boolean
}

/** A client, as the matrix runs it. */
export interface Client {
  readonly name: string
  /** Why it is left out on this machine. */
  readonly skip: string | false
  /** The request forms that it has, all by default: where it cannot be given a field, it has no origin-form. */
  readonly forms?: readonly Form[]
  /** The listeners that it is run against. All by default. */
  readonly listeners?: readonly Listener[]
  /** Why this cell is none for it. It is tried all the same, and counts as supported where it works. */
  cannot (cell: Cell): Reason | undefined
  /** Runs some exchanges, one after the other. Clients that are slow to start do all of them in one process. */
  run (exchanges: readonly Exchange[]): Promise<Told[]>
}

/** The URL of the proxy with the account in it. */
export function withAccount ({ proxy, account }: Pick<Exchange, 'proxy' | 'account'>): string {
  const url = new URL(proxy)
  url.username = account.username
  url.password = account.password
  return url.href.replace(/\/$/, '')
}

/** The value of the field, where a client can be given one: `undefined` where the scheme has to be computed. */
export function fieldValue ({ scheme, account }: Exchange): string | undefined {
  if (account.value !== undefined) return account.value
  if (scheme.token !== 'Basic') return undefined
  return `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`
}

/** The id in a request-target or a host. Browsers ask for other things as well, whose id is the empty one. */
export function idOf (target: string): string {
  return /\be\d+x\b/.exec(target)?.[0] ?? ''
}
