import { isIP } from 'node:net'
import type { ForwardOptions, ParentCredentials, ParentOptions } from 'fastify-proxy-auth'

/** Makes the gateway's credentials for its parent of a name and a password. */
const make: Readonly<Record<string, (username: string, password: string) => ParentCredentials>> = {
  basic: (username, password) => ({ scheme: 'Basic', username, password }),
  bearer: (_username, token) => ({ scheme: 'Bearer', token }),
  digest: (username, password) => ({ scheme: 'Digest', username, password }),
  ntlm: (name, password) => {
    const [username = '', domain] = name.split('\\').reverse()
    return { scheme: 'NTLM', username, password, ...(domain !== undefined && { domain }) }
  },
  // Without a name, the ticket cache or keytab of the process has one.
  negotiate: principal => ({ scheme: 'Negotiate', ...(principal !== '' && { principal }) }),
  aws4: (accessKeyId, secretAccessKey) => ({ scheme: 'AWS4', accessKeyId, secretAccessKey, region: 'local', service: 'proxy' })
}

/**
 * The parent proxy that the environment of the demo names, and the way without it for targets in `NO_PROXY`.
 *
 * @throws {Error} A variable is wrong. The message has no value: a URL may have a password.
 */
export function parentsOf (env: NodeJS.ProcessEnv): Pick<ForwardOptions, 'parents'> {
  const { PARENT: given, PARENT_SCHEME: scheme, NO_PROXY: noProxy = '' } = env
  if (!given) return {}
  const direct = noProxy.split(',').map(word => word.trim()).filter(word => word !== '').flatMap(patternsOf)
  const parent = { ...parentOf(given, scheme), ...(direct.length > 0 && { except: direct }) }
  return { parents: direct.length > 0 ? [{ url: 'direct', to: direct }, parent] : [parent] }
}

function parentOf (given: string, scheme: string | undefined): ParentOptions {
  if (scheme === undefined) return { url: given } // a name and a password in it are those of Basic, or of SOCKS5
  const credentials = make[scheme]
  if (credentials === undefined) throw new Error(`PARENT_SCHEME takes one of ${Object.keys(make).join(', ')}`)
  const [, before, userinfo = '', after] = /^([^/]*:\/\/)(?:([^/@]*)@)?(.*)$/s.exec(given) ?? []
  if (before === undefined) throw new Error('PARENT takes a URL')
  const [username = '', ...rest] = userinfo.split(':')
  return { url: `${before}${after}`, credentials: credentials(decodeURIComponent(username), decodeURIComponent(rest.join(':'))) }
}

/** A name stands for those below it, too; addresses and blocks stand for themselves. */
function patternsOf (entry: string): string[] {
  const host = entry.replace(/:\d+$/, '')
  if (entry === '*' || entry.includes('/') || entry.startsWith('[') || isIP(host) !== 0 || isIP(entry) !== 0) return [entry]
  const name = entry.replace(/^\*?\./, '')
  return [name, `*.${name}`]
}
