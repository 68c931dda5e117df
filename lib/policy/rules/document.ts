/**
 * How a request comes: a CONNECT, whatever is spoken in its tunnel; a request in absolute-form for
 * an `http` or an `https` target; an upgrade, of WebSocket or of another protocol, that is no
 * CONNECT; any request to a reverse route. A WebSocket on a reverse route is both of the last two.
 *
 * An origin may overlook an offer to upgrade: a rule that denies or reports `http` holds upgrades
 * for `http` targets as well, and likewise for `https`.
 */
export type PolicyForm = 'connect' | 'http' | 'https' | 'websocket' | 'reverse'

/** A day of the week. */
export type PolicyDay = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun'

/**
 * What a rule says of the requests that it holds: `allow` and `deny` are what they are. `report` is
 * a `deny` on trial: the request goes through, and is reported as one that would have been denied.
 */
export type PolicyAction = 'allow' | 'deny' | 'report'

/**
 * A rule. It holds a request where **all** of its conditions do; a condition that is left out holds
 * every request. A condition that is a list holds where one of its members does.
 *
 * Where it cannot be told whether a condition holds, a rule that allows does not hold, and any
 * other does.
 */
export interface PolicyRule {
  /**
   * What the log, `explain` and `planPolicy` call the rule. No two rules may
   * have the same name.
   *
   * @defaultValue its place: `rules[0]`
   */
  readonly name?: string
  /**
   * Names of users, as the log has them (option `principal`).
   *
   * @defaultValue every user
   */
  readonly users?: readonly string[]
  /**
   * Groups that the user is in.
   *
   * @defaultValue every user
   */
  readonly groups?: readonly string[]
  /**
   * Schemes that the user has authenticated by: `Basic`, `Digest`. `null` is a strategy without a
   * scheme, such as a client certificate.
   *
   * @defaultValue every scheme
   */
  readonly schemes?: ReadonlyArray<string | null>
  /**
   * `true` for requests without credentials alone (option `anonymous`), `false` for all others.
   *
   * @defaultValue both
   */
  readonly anonymous?: boolean
  /**
   * Addresses and blocks (CIDR) that clients come from. A client without an address, as on a socket
   * in the file system, is in none.
   *
   * @defaultValue every client
   */
  readonly clients?: readonly string[]
  /**
   * Targets of the forward proxy: patterns as in `forward.allow`. In a rule that allows, a pattern
   * without a port holds ports 80 and 443; in any other, every port. An address or a block also
   * holds the names that resolve to it. Such a rule holds no reverse route.
   *
   * @defaultValue every target, in a rule that allows on ports 80 and 443
   */
  readonly to?: readonly string[]
  /**
   * Targets that the rule does not hold though `to` does. A pattern without a port is one for every
   * port.
   *
   * @defaultValue none
   */
  readonly except?: readonly string[]
  /**
   * Reverse routes, by their prefix. Such a rule holds no target of the forward proxy, so it cannot
   * have `to` or `except`.
   *
   * @defaultValue every route
   */
  readonly routes?: readonly string[]
  /**
   * Methods, in upper case as they are sent. `GET` is not `HEAD`.
   *
   * @defaultValue every method
   */
  readonly methods?: readonly string[]
  /**
   * Forms of requests: `connect`, `http`, `https`, `websocket`, `reverse`.
   *
   * @defaultValue every form
   */
  readonly forms?: readonly PolicyForm[]
  /**
   * Prefixes of the path, in whole segments: `/v1/orders` holds `/v1/orders/7` and not
   * `/v1/orders2`. The path is the one that the origin gets. A tunnel has none, so such a rule
   * holds no CONNECT.
   *
   * Where origins may read a path in several ways, a rule that allows holds it if it does in each
   * of them, and any other rule if it does in one. Such are dot segments, encoded slashes and
   * backslashes, `//` and `;`.
   *
   * @defaultValue every path
   */
  readonly paths?: readonly string[]
  /**
   * Days of the week: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`. Where `until` is on the
   * morning after, the day is the one of `from`.
   *
   * @defaultValue every day
   */
  readonly days?: readonly PolicyDay[]
  /**
   * The time of the day that the rule begins at, as clocks in `zone` show it: `09:00`.
   *
   * @defaultValue `'00:00'`
   */
  readonly from?: string
  /**
   * The time of the day that the rule ends before. One that is before `from` is on the next day:
   * from `22:00` until `06:00`.
   *
   * @defaultValue `'24:00'`
   */
  readonly until?: string
  /**
   * The time zone of `days`, `from` and `until`, by its name in the IANA database: `Europe/Berlin`.
   *
   * @defaultValue `'UTC'`
   */
  readonly zone?: string
  /**
   * The target may be a special-purpose address: loopback, private, link-local. Only a rule that
   * allows can say so. Nothing else is lifted: `forward.deny` and the listeners of this server stay
   * closed.
   *
   * @defaultValue `false`
   */
  readonly special?: boolean
  /** What becomes of a request: `allow`, `deny` or `report`. */
  readonly action: PolicyAction
  /**
   * Why, for the client: printable ASCII, at most 200 chars. Not in a rule that allows.
   *
   * @defaultValue `'refused by a rule'`
   */
  readonly reason?: string
}

/**
 * Who may do what: rules in order, of which the first that holds a request decides.
 *
 * Rules come beside the other options and lift nothing of them: `forward.deny`, the listeners of
 * this server and, unless the rule says `special`, special-purpose addresses stay closed.
 */
export interface PolicyDocument {
  /** The rules, in order. */
  readonly rules: readonly PolicyRule[]
  /**
   * What becomes of a request that no rule holds: `deny` or `allow`.
   *
   * @defaultValue `'deny'`
   */
  readonly default?: 'deny' | 'allow'
  /**
   * Report only: what would be denied goes through, and is reported as such, whatever rule it is.
   *
   * @defaultValue `false`
   */
  readonly report?: boolean
}
