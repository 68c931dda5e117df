import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BadOption } from '../../errors.js'
import { checkObject } from '../../check-option.js'
import { formatAuthority } from '../../fields/target.js'
import { parseHostField } from '../../fields/host.js'
import { autoConfiguration } from '../../policy/target/auto-configuration.js'
import type { AutoConfigurationLists } from '../../policy/target/auto-configuration.js'
import { hiddenSchema } from '../../platform/fastify.js'

/** How browsers are told which proxy to use. */
export interface AutoConfigurationOptions {
  /**
   * The URL that clients reach the proxy by: `http:` or `https:`, a host and a port.
   *
   * @defaultValue what the request names in `Host`
   */
  readonly proxy?: string
  /**
   * Takes the URL from `X-Forwarded-Host` and `X-Forwarded-Proto`, where there is no `proxy` and
   * Fastify's `trustProxy` trusts the peer. A client that can write these fields chooses the proxy
   * of every user that gets the script.
   *
   * @defaultValue `false`
   */
  readonly forwarded?: boolean
  /**
   * The paths of the script. One or more.
   *
   * @defaultValue `['/proxy.pac', '/wpad.dat']`
   */
  readonly paths?: readonly string[]
}

/** The options, checked. */
export interface AutoConfigurationSettings {
  /** As the script says it, `null` to go by the request. */
  readonly proxy: string | null
  readonly forwarded: boolean
  readonly paths: readonly string[]
}

const OPTIONS = new Set(['proxy', 'forwarded', 'paths'])
const PATHS = ['/proxy.pac', '/wpad.dat']
/** Says what the script is; some readers take it for a download otherwise. */
const MEDIA_TYPE = 'application/x-ns-proxy-autoconfig'

/**
 * Checks `forward.pac`.
 *
 * @throws {BadOption} It is wrong.
 */
export function readAutoConfiguration (pac: unknown): AutoConfigurationSettings {
  const { proxy, forwarded = false, paths = PATHS } = checkObject<AutoConfigurationOptions>(pac === true ? {} : pac as AutoConfigurationOptions, 'forward.pac', OPTIONS, 'true or an object')
  if (!Array.isArray(paths) || paths.length === 0 || !paths.every((path) => typeof path === 'string' && /^\/[\w./-]+$/.test(path))) {
    throw new BadOption('forward.pac.paths', 'a list of one or more paths', typeof paths)
  }
  if (typeof forwarded !== 'boolean') throw new BadOption('forward.pac.forwarded', 'true or false', typeof forwarded)
  return { proxy: proxy === undefined ? null : readProxy(proxy), forwarded, paths }
}

function readProxy (proxy: unknown): string {
  const wrong = new BadOption('forward.pac.proxy', 'an http: or https: URL of a host and a port', typeof proxy)
  if (typeof proxy !== 'string') throw wrong
  const [, scheme, authority] = /^(https?):\/\/([^/]+)\/?$/i.exec(proxy) ?? []
  if (scheme === undefined) throw wrong
  try {
    return proxyOf(scheme.toLowerCase(), authority!)
  } catch {
    throw wrong
  }
}

/**
 * `PROXY` or `HTTPS` with host and port. What has passed cannot end the text it is written into.
 */
function proxyOf (scheme: string, authority: string): string {
  const { host, port = scheme === 'https' ? 443 : 80 } = parseHostField(authority)
  return `${scheme === 'https' ? 'HTTPS' : 'PROXY'} ${formatAuthority(host, port)}`
}

/** What the message itself names, whatever a proxy in front may have added. */
function namedBy ({ headers, socket }: IncomingMessage): string {
  return proxyOf('encrypted' in socket ? 'https' : 'http', (headers.host ?? headers[':authority'] ?? '') as string)
}

/**
 * Serves the script without authentication: a client has to find the proxy before it can. It
 * holds `allow` and `special`, and nothing of any user. No cache may keep it, since it depends on
 * fields of the request.
 *
 * @throws {MalformedField} Of a request whose `Host` is no host.
 */
export function serveAutoConfiguration (
  app: FastifyInstance, settings: AutoConfigurationSettings, lists: AutoConfigurationLists
): void {
  const { proxy, forwarded, paths } = settings
  const scriptFor = autoConfiguration(lists)
  const named = (request: FastifyRequest): string =>
    forwarded ? proxyOf(request.protocol, request.host) : namedBy(request.raw)
  for (const path of paths) {
    app.get(path, { schema: hiddenSchema() }, async (request, reply) => {
      const script = scriptFor(proxy ?? named(request))
      return await reply.type(MEDIA_TYPE).header('cache-control', 'no-store').send(script)
    })
  }
}
