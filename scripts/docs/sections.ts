/** A table of the page on options. */
export interface Section {
  /** Its heading: letters and spaces, so that its anchor is the same everywhere. */
  readonly title: string
  /** The exported type whose members are its rows. */
  readonly type: string
  /** What stands before the names of its options: `forward.`. */
  readonly prefix: string
  /** What its comment does not say. */
  readonly note?: string
}

/** A group of them. */
export interface Group {
  readonly title: string
  readonly sections: readonly Section[]
}

const ACCOUNT_FILE = 'The second argument of'

/** All options there are, in the order of the page. The check is that no exported type of options is missing. */
export const GROUPS: readonly Group[] = [
  {
    title: 'The plugin',
    sections: [
      { title: 'All', type: 'ProxyAuthOptions', prefix: '' },
      { title: 'Forward proxy', type: 'ForwardOptions', prefix: 'forward.', note: 'What a pattern without a port holds depends on the list: see [Patterns](../guide/forward-proxy.md#which-targets-a-user-may-reach).' },
      { title: 'Strategies for some targets', type: 'TargetStrategies', prefix: 'forward.strategies[].' },
      { title: 'Auto-configuration of browsers', type: 'AutoConfigurationOptions', prefix: 'forward.pac.', note: 'See [Forward proxy](../guide/forward-proxy.md#automatic-configuration-of-browsers).' },
      { title: 'Parent proxies', type: 'ParentOptions', prefix: 'forward.parents[].', note: 'See [Parent proxies](../guide/parents.md).' },
      { title: 'Reverse routes', type: 'ReverseRoute', prefix: 'reverse[].', note: 'The options of @fastify/http-proxy are in [its own documentation](https://github.com/fastify/fastify-http-proxy#options).' },
      { title: 'Identity for upstreams', type: 'IdentityOptions', prefix: 'identity.', note: 'See [Reverse routes](../guide/reverse-routes.md#telling-the-upstream-who-the-user-is).' },
      { title: 'Tunnels', type: 'ConnectOptions', prefix: 'connect.' },
      { title: 'Connection-bound schemes', type: 'ConnectionBoundOptions', prefix: 'connectionBound.', note: 'See [NTLM](../schemes/ntlm.md) and [Negotiate](../schemes/negotiate.md).' },
      { title: 'Anonymous access', type: 'AnonymousOptions', prefix: 'anonymous.' },
      { title: 'Slowing down guesses', type: 'AttemptsOptions', prefix: 'attempts.', note: 'See [Accounts](../guide/accounts.md#slowing-down-guesses).' },
      { title: 'Limits', type: 'LimitOptions', prefix: 'limits[].', note: 'See [Limits](../guide/limits.md).' },
      { title: 'Requests within a time', type: 'RateLimit', prefix: 'limits[].rate.' },
      { title: 'Bandwidth', type: 'BandwidthLimit', prefix: 'limits[].bandwidth.' },
      { title: 'Quotas', type: 'QuotaLimit', prefix: 'limits[].quota.' },
      { title: 'Where limits are counted', type: 'LimitStoreOptions', prefix: 'limitStore.', note: 'See [Limits](../guide/limits.md#where-it-is-counted).' },
      { title: 'A shared Redis', type: 'SharedRedisOptions', prefix: 'redis.', note: 'See [Several processes](../guide/several-processes.md).' },
      { title: 'Content that is kept', type: 'AuthIntOptions', prefix: 'authInt.' },
      { title: 'Log', type: 'LogOptions', prefix: 'log.', note: 'See [Operations](../guide/operations.md#logs).' },
      { title: 'Status page', type: 'StatusOptions', prefix: 'status.', note: 'See [The status page](../guide/status-page.md).' },
      { title: 'Listener of the status page', type: 'StatusListenOptions', prefix: 'status.listen.' },
      { title: 'Tracing', type: 'TracingOptions', prefix: 'tracing.', note: 'See [Metrics](../guide/metrics.md#traces).' },
      { title: 'Pages for browsers', type: 'PageOptions', prefix: 'pages.' },
      { title: 'Text of a page', type: 'PageText', prefix: 'pages[status].' },
      { title: 'Requests to a strategy', type: 'VerifierOptions', prefix: 'verifiers.' }
    ]
  },
  {
    title: 'Strategies',
    sections: [
      { title: 'Declared strategies', type: 'DeclaredStrategy', prefix: 'strategies[].', note: 'For strategies that are not of this package, and for names in `passport`. See [Passport strategies](../schemes/passport-strategies.md).' },
      { title: 'Remembered verdicts', type: 'CacheOptions', prefix: 'cache.', note: 'See [Accounts](../guide/accounts.md#remembering-passwords).' },
      { title: 'BasicStrategy', type: 'BasicOptions', prefix: '', note: 'See [Basic](../schemes/basic.md).' },
      { title: 'BearerStrategy', type: 'BearerOptions', prefix: '', note: 'See [Bearer](../schemes/bearer.md).' },
      { title: 'DigestStrategy', type: 'DigestOptions', prefix: '', note: 'See [Digest](../schemes/digest.md).' },
      { title: 'NtlmStrategy', type: 'NtlmOptions', prefix: '', note: 'See [NTLM](../schemes/ntlm.md).' },
      { title: 'NegotiateStrategy', type: 'NegotiateOptions', prefix: '', note: 'See [Negotiate](../schemes/negotiate.md).' },
      { title: 'Aws4Strategy', type: 'Aws4Options', prefix: '', note: 'See [AWS4-HMAC-SHA256](../schemes/aws4.md).' },
      { title: 'ClientCertificateStrategy', type: 'ClientCertificateOptions', prefix: '', note: 'See [Client certificates](../schemes/client-certificates.md).' }
    ]
  },
  {
    title: 'Rules',
    sections: [
      { title: 'A document of rules', type: 'PolicyDocument', prefix: '', note: 'For `createPolicy` and `policyFile`. See [Rules](../guide/policy.md).' },
      { title: 'A rule', type: 'PolicyRule', prefix: 'rules[].' },
      { title: 'createPolicy', type: 'PolicyOptions', prefix: '', note: 'The second argument of `createPolicy(document, options)`.' },
      { title: 'policyFile', type: 'PolicyFileOptions', prefix: '', note: 'The second argument of `policyFile(path, options)`.' },
      { title: 'Samples for a plan', type: 'PolicySamples', prefix: '', note: 'The third argument of `planPolicy(before, after, samples)`.' }
    ]
  },
  {
    title: 'Functions',
    sections: [
      { title: 'htpasswd', type: 'HtpasswdOptions', prefix: '', note: `${ACCOUNT_FILE} \`htpasswd(path, options)\`. See [Accounts](../guide/accounts.md#htpasswd-files).` },
      { title: 'htdigest', type: 'HtdigestOptions', prefix: '', note: `${ACCOUNT_FILE} \`htdigest(path, options)\`. See [Accounts](../guide/accounts.md#htdigest-files).` },
      { title: 'groupFile', type: 'GroupFileOptions', prefix: '', note: `${ACCOUNT_FILE} \`groupFile(path, options)\`. See [Accounts](../guide/accounts.md#groups).` },
      { title: 'ntlmAuth', type: 'NtlmAuthOptions', prefix: '', note: 'See [NTLM](../schemes/ntlm.md).' },
      { title: 'proxyAuthMetrics', type: 'MetricsOptions', prefix: '', note: 'The second argument of `proxyAuthMetrics(app, options)`. See [Metrics](../guide/metrics.md).' },
      { title: 'Metrics by user', type: 'UserMetricsOptions', prefix: 'users.', note: 'See [Metrics](../guide/metrics.md#by-user).' },
      { title: 'MemoryStore', type: 'MemoryStoreOptions', prefix: '', note: 'See [Digest](../schemes/digest.md#several-processes).' },
      { title: 'RedisStore', type: 'RedisStoreOptions', prefix: '', note: 'See [Digest](../schemes/digest.md#several-processes).' }
    ]
  }
]

/** Types of options that are no table: what has none of its own options, or is given to no function of the application. */
export const NO_TABLE: ReadonlySet<string> = new Set(['ParseOptions', 'AttemptOptions'])
