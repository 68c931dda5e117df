// What runs in node: ours, the packages of npm, and the least that node itself can do.
import { existsSync, readFileSync } from 'node:fs'
import { openssl } from '../../test/fixtures/certificate.js'
import { Child } from '../child.js'
import { PASSWORD, USERNAME } from './contender.js'
import type { Contender, World } from './contender.js'

/** What servers/gateway.ts does. */
export interface GatewayOptions {
  /** What to call it, where there are several. */
  readonly as?: string
  readonly schemes?: ReadonlyArray<'basic' | 'digest'>
  /** Users are in a file, hashed with bcrypt, and remembered. */
  readonly hasFile?: boolean
  /** With limits that nothing reaches, and metrics. */
  readonly hasLimits?: boolean
  /** The application looks at each response. */
  readonly hasOnSend?: boolean
  readonly listener?: Listener
  /** What is behind its reverse route. */
  readonly upstream?: 'http' | 'contents'
}

/** How clients reach a proxy. HTTP/2 is without TLS. */
export type Listener = 'plain' | 'tls' | 'http2'

export const OURS = 'fastify-proxy-auth'

export function gateway ({ as = OURS, hasFile = false, upstream, ...options }: GatewayOptions = {}): Contender {
  const of = (name: string, server: string): Contender => {
    const contender = inNode(name, server, ({ users, certificate }) => ({ ...options, ...hasFile && { users }, certificate }), upstream)
    return { ...contender, missing: options.listener === 'tls' && openssl.skip }
  }
  return { ...of(as, 'gateway'), ofBuild: (name) => of(name, 'beside/gateway') }
}

/** The npm package of that name. */
function fromNpm (name: string, server: string): Contender {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  const version = (): string => (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
  return { ...inNode(name, server, () => ({})), missing: existsSync(manifest) ? false : `${name} is missing: npm ci`, version }
}

export const httpProxy = fromNpm('@fastify/http-proxy', 'bare-http-proxy')
export const proxyChain = fromNpm('proxy-chain', 'proxy-chain')
export const npmProxy = fromNpm('proxy', 'npm-proxy')

/** `node:http`, undici and two pipes. */
export const bareNode = bare('bare node')
export const bareTls = bare('bare node', 'tls')
export const bareHttp2 = inNode('bare node', 'bare-http2-proxy', () => ({}))

function bare (name: string, listener: Listener = 'plain'): Contender {
  return { ...inNode(name, 'bare-node', ({ certificate }) => ({ listener, certificate })), missing: listener === 'tls' && openssl.skip }
}

function inNode (name: string, server: string, options: (world: World) => object, upstream: 'http' | 'contents' = 'http'): Contender {
  return {
    name,
    missing: false,
    warmsUp: true,
    start: async (world) => await Child.start(world.folder, server, 'contender', {
      ORIGIN: `http://127.0.0.1:${world.origins.ports[upstream]}`,
      OPTIONS: JSON.stringify({ username: USERNAME, password: PASSWORD, ...options(world) })
    })
  }
}
