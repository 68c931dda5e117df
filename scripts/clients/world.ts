import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import { DigestStrategy, lookupStatic } from 'fastify-proxy-auth'
import type { Test } from 'tap'
import { readEnvironment } from '../../demo/environment.js'
import { strategiesFor } from '../../demo/strategies.js'
import { certificate } from '../../test/fixtures/certificate.js'
import type { Certificate } from '../../test/fixtures/certificate.js'
import { gateway } from '../../test/fixtures/gateway.js'
import type { Gateway } from '../../test/fixtures/gateway.js'
import { origin } from '../../test/fixtures/origin.js'
import { idOf } from './exchange.js'
import type { Cell, Exchange, Listener, Scheme } from './exchange.js'
import { answers } from './origin-answers.js'

/** What both ends saw of an exchange. */
export interface Evidence {
  /** The origin was asked. */
  asked: boolean
  /** Requests that came with credentials, and how many of those were answered with 407. */
  presented: number
  refused: number
  /** The schemes that presented ones were of. */
  readonly tokens: Set<string>
  /** Who was let in. */
  user: string | undefined
  /** The versions of HTTP that the client spoke to the gateway. */
  readonly versions: Set<string>
  /** It went through the parent. */
  byParent: boolean
}

export interface World {
  readonly ca: Certificate
  /** A new exchange for a cell, with an id of its own. */
  exchange (cell: Cell, which: 'right' | 'wrong'): Exchange
  evidence (id: string): Evidence
  /** Every origin's port by scheme, for another proxy to reach it. */
  readonly origins: Readonly<Record<'http' | 'https', number>>
}

/** The account of the gateways at their parent, which takes no other. */
const AT_PARENT = { scheme: 'Digest', username: 'gateway', password: 'gateway-secret' } as const

/** The gateways, one for each scheme and listener, the parent of some, and the origin behind them, in the clear and with TLS. */
export async function startWorld (t: Test, schemes: readonly Scheme[], listeners: readonly Listener[]): Promise<World> {
  const ca = certificate(t, 'localhost', '*.origin.test')
  const found = new Map<string, Evidence>()
  const evidence = (id: string): Evidence => {
    const known = found.get(id)
    if (known !== undefined) return known
    const fresh: Evidence = { asked: false, presented: 0, refused: 0, tokens: new Set(), user: undefined, versions: new Set(), byParent: false }
    found.set(id, fresh)
    return fresh
  }
  const answer = answers(id => { evidence(id).asked = true })
  const [plain, secure] = await Promise.all([origin(t, answer), origin(t, answer, ca)])

  const watch = (app: FastifyInstance): void => {
    app.addHook('onRequest', async ({ raw, headers }) => {
      const { presented, ...seen } = evidence(idOf(raw.url!))
      const credentials = headers['proxy-authorization']
      seen.versions.add(raw.httpVersion)
      if (credentials === undefined) return
      evidence(idOf(raw.url!)).presented = presented + 1
      seen.tokens.add(credentials.slice(0, credentials.indexOf(' ')))
      ;(raw as { presented?: true }).presented = true
    })
    app.addHook('preHandler', async ({ raw, proxyAuth }) => { evidence(idOf(raw.url!)).user = proxyAuth?.name })
    app.addHook('onSend', async ({ raw }, reply) => {
      if (reply.statusCode === 407 && 'presented' in raw) evidence(idOf(raw.url!)).refused += 1
    })
  }
  const lookup = (_name: string, _options: unknown, done: (error: null, addresses: object[]) => void): void => {
    done(null, [{ address: '127.0.0.1', family: 4 }])
  }
  const servers: Readonly<Record<Listener, object>> = {
    plain: {}, TLS: { https: ca }, h2: { http2: true, https: { ...ca, allowHTTP1: true } }
  }
  const parent = await gateway(t, {
    via: 'parent',
    level: 'silent',
    strategies: [new DigestStrategy(lookupStatic({ [AT_PARENT.username]: AT_PARENT.password }))],
    forward: { special: ['*.origin.test:*'], lookup: lookup as never },
    after: app => { app.addHook('preHandler', async ({ raw }) => { evidence(idOf(raw.url!)).byParent = true }) }
  })
  const parents = [{ url: parent.url, credentials: AT_PARENT }]
  // The parent is told which exchange it is by the name of the target.
  const upstreamOf = ({ raw }: FastifyRequest): string => `http://${idOf(raw.url!)}.origin.test:${plain.port}`
  const gateways = new Map<string, Gateway>()
  for (const scheme of schemes) {
    for (const listener of listeners) {
      gateways.set(`${scheme.name} ${listener}`, await gateway(t, {
        fastify: servers[listener] as FastifyServerOptions,
        level: 'silent',
        before: watch,
        hook: 'onRequest',
        ...(scheme.connectionBound === true && { connectionBound: true as const }),
        strategies: strategiesFor(readEnvironment(scheme.env)),
        reverse: [{ prefix: '/api', upstream: plain.url, ...(scheme.byParent === true && { parents, replyOptions: { getUpstream: upstreamOf } }) } as never],
        forward: { special: ['*.origin.test:*'], deny: [], lookup: lookup as never, tls: { ca: ca.cert }, ...(scheme.byParent === true && { parents }) }
      }))
    }
  }
  let count = 0
  return {
    ca,
    evidence,
    origins: { http: plain.port, https: secure.port },
    exchange (cell, which) {
      const { scheme, form, listener } = cell
      const id = `e${++count}x`
      const { port } = gateways.get(`${scheme.name} ${listener}`)!
      // Not `localhost`: clients leave the proxy out for it. A certificate has the address as well.
      const proxy = new URL(`${listener === 'plain' ? 'http' : 'https'}://127.0.0.1:${port}`)
      const url = {
        'absolute-form': `http://${id}.origin.test:${plain.port}/`,
        CONNECT: `https://${id}.origin.test:${secure.port}/`,
        'origin-form': `${proxy.origin}/api/${id}`
      }[form]
      return { ...cell, id, account: scheme[which], proxy, url: new URL(url), ca }
    }
  }
}
