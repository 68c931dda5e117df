import dns from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { DigestAlgorithmName, DigestOptions, ForwardOptions, ProxyAuthOptions, Qop } from 'fastify-proxy-auth'
import { policyFile } from 'fastify-proxy-auth'
import { parentsOf } from './parent.js'

/** What the environment of the demo says, checked. */
export interface Environment {
  host: string
  port: number
  realm: string
  schemes: string[]
  digest: Pick<DigestOptions, 'algorithms' | 'qop' | 'nonceLifetime' | 'oneTimeNonces'>
  upstream: string | undefined
  /** The port of the status page. */
  statusPort: number
  forwardSpecial: string[]
  lookup: LookupFunction
  /** The parent proxy, where there is one. */
  parents: Pick<ForwardOptions, 'parents'>
  /** Optional features of the plugin, as its options. */
  features: Pick<ProxyAuthOptions, 'anonymous' | 'identity' | 'attempts' | 'policy' | 'groups'>
  tls: { cert: string, key: string } | undefined
  logLevel: string
}

export const SCHEMES = ['basic', 'digest', 'bearer', 'ntlm', 'negotiate', 'aws4']

export function readEnvironment (env: NodeJS.ProcessEnv): Environment {
  const schemes = list(env['SCHEMES'] ?? 'digest,basic')
  const unknown = schemes.find(scheme => !SCHEMES.includes(scheme))
  if (unknown !== undefined) throw new Error(`SCHEMES takes a comma list of ${SCHEMES.join(', ')}`)
  const port = Number(env['PORT'] ?? 8080)
  const cert = env['TLS_CERT']
  const key = env['TLS_KEY']
  if ((cert === undefined) !== (key === undefined)) throw new Error('TLS_CERT and TLS_KEY go together')
  return {
    host: env['HOST'] ?? '127.0.0.1',
    port,
    realm: env['REALM'] ?? 'Gateway',
    schemes,
    digest: {
      algorithms: list(env['DIGEST_ALGORITHMS'] ?? 'SHA-256') as DigestAlgorithmName[],
      qop: list(env['DIGEST_QOP'] ?? 'auth') as Qop[],
      nonceLifetime: Number(env['DIGEST_NONCE_LIFETIME'] ?? 300_000),
      oneTimeNonces: env['DIGEST_ONE_TIME'] === '1'
    },
    upstream: env['UPSTREAM'],
    statusPort: Number(env['STATUS_PORT'] ?? (port === 0 ? 0 : port + 1000)),
    forwardSpecial: list(env['FORWARD_SPECIAL']).map(anyHost),
    lookup: lookupWith(list(env['HOSTS'])),
    parents: parentsOf(env),
    features: featuresOf(env),
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    logLevel: env['LOG_LEVEL'] ?? 'info'
  }
}

function featuresOf (env: NodeJS.ProcessEnv): Environment['features'] {
  const { ANONYMOUS_TO: to, IDENTITY_HEADER: header, ATTEMPTS: attempts, POLICY: policy, GROUPS: groups } = env
  const [perAddress, perUser] = list(attempts).map(Number)
  return {
    ...(to && { anonymous: { to: list(to) } }),
    ...(header && { identity: { header } }),
    ...(perAddress !== undefined && perUser !== undefined && { attempts: { perAddress, perUser } }),
    ...(policy && { policy: policyFile(policy) }),
    ...(groups && { groups: groupsOf(list(groups)) })
  }
}

/** The groups of the demo's users: `alice=ci+staff`. */
function groupsOf (entries: string[]): NonNullable<ProxyAuthOptions['groups']> {
  const known = new Map(entries.map(entry => entry.split('=', 2) as [string, string]))
  return user => list((known.get((user as { username: string }).username) ?? '').replaceAll('+', ','))
}

function list (text: string | undefined): string[] {
  return (text ?? '').split(',').map(word => word.trim()).filter(word => word !== '')
}

/** `*` alone stands for every host, with every port. */
function anyHost (pattern: string): string {
  return pattern === '*' ? '*:*' : pattern
}

/** The demo's resolver: the names given first, then the system's. */
function lookupWith (hosts: string[]): LookupFunction {
  const known = new Map(hosts.map(entry => entry.split('=', 2) as [string, string]))
  return (hostname, options, callback) => {
    const address = known.get(hostname)
    if (address === undefined) return dns.lookup(hostname, options, callback)
    const family = address.includes(':') ? 6 : 4
    if (options.all) callback(null, [{ address, family }])
    else callback(null, address, family)
  }
}
