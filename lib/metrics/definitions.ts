/** A metric: the end of its name, what it says, and its labels. */
export interface Definition {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  /** Of a histogram: the upper bounds, in seconds. */
  readonly buckets?: readonly number[]
}

const of = (name: string, labels: readonly string[], help: string, buckets?: readonly number[]): Definition =>
  ({ name, help, labels, ...(buckets !== undefined && { buckets }) })

/** What happens. */
export const COUNTERS = {
  challenges: of('challenges_total', ['reason'], 'Requests that were asked for credentials, or for the next leg of a handshake'),
  grants: of('grants_total', ['scheme'], 'Requests whose user was accepted'),
  refusals: of('refusals_total', ['reason', 'scheme'], 'Requests whose credentials were refused'),
  denials: of('denials_total', ['form', 'reason'], 'Requests of known users that a list, a rule or a function has denied'),
  exchanges: of('exchanges_total', ['form', 'status', 'reason'], 'Tunnels and requests that have ended, without those denied'),
  bytes: of('bytes_total', ['direction', 'form'], 'Octets of tunnels and of content, in from clients and out to them'),
  limited: of('limited_total', ['limit', 'kind'], 'Requests that a limit has refused, and exchanges that it has ended'),
  storeFailures: of('store_failures_total', ['store'], 'How often a store has stopped responding'),
  parentFailures: of('parent_failures_total', ['parent'], 'How often a parent proxy has begun to fail')
}

/** What users do, by their names. */
export const OF_USERS = {
  exchanges: of('user_exchanges_total', ['user'], 'Tunnels and requests of a user that have ended, without those denied'),
  denials: of('user_denials_total', ['user'], 'Requests of a user that were denied'),
  limited: of('user_limited_total', ['user'], 'Requests of a user that a limit has refused, and exchanges that it has ended'),
  bytes: of('user_bytes_total', ['direction', 'user'], 'Octets of tunnels and of content, in from a user and out to them')
}

/** How long it takes. */
export const HISTOGRAMS = {
  verdict: of('verdict_duration_seconds', ['scheme', 'verdict'], 'From the arrival of a request to the verdict on its credentials',
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]),
  dial: of('dial_duration_seconds', ['form'], 'From the verdict until the target is reached: rules, names, connections, TLS',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]),
  exchange: of('exchange_duration_seconds', ['form', 'scheme'], 'From the verdict to the end of a tunnel or request',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200])
}

/** What there is at present. */
export const GAUGES = {
  tunnels: of('tunnels', [], 'Tunnels and WebSockets under way'),
  requests: of('requests', [], 'Forwarded requests under way, those of reverse routes included'),
  handshakes: of('handshakes', [], 'Handshakes of NTLM and Negotiate between two legs'),
  keptContent: of('kept_content_bytes', [], 'Octets of content that are kept until their verdict and response'),
  verifying: of('verifiers_running', [], 'Requests that strategies are asked about'),
  queue: of('verifiers_waiting', [], 'Requests that wait until strategies are asked about them'),
  verdicts: of('remembered_verdicts', ['verdict'], 'Verdicts on credentials that are remembered'),
  parentsFailing: of('parents_failing', [], 'Parent proxies that fail')
}
