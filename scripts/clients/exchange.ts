import type { Certificate } from '../../test/fixtures/certificate.js'

/** How a request gets to the gateway. */
export type Form = 'absolute-form' | 'CONNECT' | 'origin-form'
export const FORMS: readonly Form[] = ['absolute-form', 'CONNECT', 'origin-form']

/** What the gateway listens with: in the clear, TLS with HTTP/1.1 alone, TLS with HTTP/2 beside it. */
export type Listener = 'plain' | 'TLS' | 'h2'
export const LISTENERS: readonly Listener[] = ['plain', 'TLS', 'h2']

/** Who a client is told to be. */
export interface Account {
  readonly username: string
  readonly password: string
  /** Variables for the client's process: where its ticket is. */
  readonly env?: Readonly<Record<string, string>>
}

/** What of a request its credentials may depend on. */
export interface SignedRequest {
  readonly method: string
  /** An absolute URI, or `host:port` of a CONNECT. */
  readonly target: string
}

/** A scheme as the matrix runs it. */
export interface Scheme {
  readonly name: string
  /** As `Proxy-Authorization` and the log spell it. */
  readonly token: string
  /** The environment of demo/gateway.ts that offers it, and nothing else. */
  readonly env: NodeJS.ProcessEnv
  readonly right: Account
  readonly wrong: Account
  /** Never offered over HTTP/2: it authenticates a connection. */
  readonly connectionBound?: boolean
  /** The fields that can be written down before anybody has asked, for a client that can be given some. Left out: the answer depends on the challenge. */
  readonly fields?: (account: Account, request: SignedRequest) => Record<string, string>
  /** They are more than `Proxy-Authorization`. */
  readonly isWide?: boolean
  /** The gateway goes on through another, which it logs in at by itself. */
  readonly byParent?: boolean
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

/** Why a client does not work in a cell. */
export interface Reason {
  /** A few words, by which the page names it. */
  readonly id: string
  /** The whole of it, in sentences. */
  readonly text: string
  /** Where it is from: an id of the requirements, an issue, or what a run has shown. */
  readonly source: string
  /** It is the gateway that refuses, as it must. */
  readonly ours?: boolean
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
  /** The names of the schemes that it is run with. All by default. */
  readonly schemes?: readonly string[]
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

/** Whether the credentials can be written down before anybody has asked. */
export function isReady ({ scheme }: Pick<Cell, 'scheme'>): boolean {
  return scheme.fields !== undefined
}

/** Whether a client is given them: there is none that makes them of name and password, or none that does so on reverse routes. */
export function isGiven (cell: Pick<Cell, 'scheme' | 'form'>): boolean {
  return isReady(cell) && (cell.form === 'origin-form' || cell.scheme.token !== 'Basic')
}

/** The fields with the credentials for a URL, or for the tunnel to it; none where they depend on the challenge. */
export function fieldsOf ({ form, scheme, account, url: whole }: Exchange, url: URL = whole): Record<string, string> {
  const authority = `${url.hostname}:${url.port}`
  return scheme.fields?.(account, form === 'CONNECT' ? { method: 'CONNECT', target: authority } : { method: 'GET', target: url.href }) ?? {}
}

/** The same, a line each. */
export function fieldLines (exchange: Exchange, url?: URL): string[] {
  return Object.entries(fieldsOf(exchange, url)).map(field => field.join(': '))
}

/** Runs exchanges of one environment together, and the results in their order. */
export function inEnvironments (run: (exchanges: readonly Exchange[], env: Account['env']) => Promise<Told[]>): Client['run'] {
  return async exchanges => {
    const needed = new Set(exchanges.flatMap(({ account: { env } }) => env === undefined ? [] : [env]))
    const [first, ...others] = needed.size === 0 ? [undefined] : needed
    const told = new Map<Exchange, Told>()
    for (const env of [first, ...others]) {
      // Those that need none do with any.
      const together = exchanges.filter(({ account }) => (account.env ?? first) === env)
      const results = await run(together, env)
      together.forEach((exchange, index) => told.set(exchange, results[index]!))
    }
    return exchanges.map(exchange => told.get(exchange)!)
  }
}

/** The id in a request-target or a host. Browsers ask for other things as well, whose id is the empty one. */
export function idOf (target: string): string {
  return /\be\d+x\b/.exec(target)?.[0] ?? ''
}
