import type { FastifyReply, FastifyRequest } from 'fastify'

/** A span of time in milliseconds. */
export type Milliseconds = number

/**
 * The user object that the strategies give. Empty here, so that an application merges its own shape
 * into it:
 *
 * @example
 * declare module 'fastify-proxy-auth' {
 *   interface ProxyUser { username: string, groups: string[] }
 * }
 */
export interface ProxyUser {}

/**
 * A user as a strategy gives it: an object of the shape that {@link ProxyUser} has, and text too as
 * long as no member of that is required.
 */
export type AcceptedUser = (ProxyUser & object) | ({} extends ProxyUser ? string : never)

/**
 * Makes members optional where what they are by default has the shape of {@link ProxyUser}, and
 * requires them elsewhere.
 */
export type Defaulting<Default, Members> = Default extends ProxyUser ? Partial<Members> : Members

/** The arguments of a constructor that takes options: none will do where no option is required. */
export type Given<Options> = {} extends Options ? [options?: Options] : [options: Options]

/** The identity that the proxy authentication of a request has established. */
export interface ProxyIdentity {
  /** What the strategy gave. Never logged. */
  readonly user: ProxyUser
  /** What logs, limits and headers call the user: see option `principal`. */
  readonly name: string
  /** The second argument of the strategy's `success`. */
  readonly info: unknown
  /**
   * The scheme of the credentials in its registered spelling, `null` for a strategy without one.
   */
  readonly scheme: string | null
  /** The realm the user was authenticated for. */
  readonly realm: string
}

/**
 * A hook of a route, a scope or `app.auth([...])`, on an application over HTTP/1.1 or HTTP/2 with
 * any logger and type provider.
 */
export type ProxyAuthenticate = (
  request: FastifyRequest<any, any, any, any, any, any, any, any>,
  reply: FastifyReply<any, any, any, any, any, any, any, any>
) => Promise<void>

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Who the proxy user is, `null` until the hook has let the request in. It counts for the
     * registration, the strategies and the status (407 or 401) that it was established for: a hook
     * or route of another asks anew.
     */
    proxyAuth: ProxyIdentity | null
  }
  interface FastifyReply {
    /**
     * Adds parameters to the `Proxy-Authentication-Info` of this response (RFC 9110, 11.7.3), or to
     * its `Authentication-Info` once a reverse route with `status: 401` has let the request in (RFC
     * 9110, 11.6.3).
     */
    proxyAuthenticationInfo (params: Readonly<Record<string, string>>): FastifyReply
  }
  interface FastifyInstance {
    /**
     * The hook of this scope's own registration. Prefer the exported `proxyAuthenticate`: until the
     * plugin has loaded, and in scopes without it, there is nothing here, and Fastify takes
     * `onRequest: undefined` for no hook, which leaves the route open. `void` is what keeps that
     * from compiling.
     */
    proxyAuthenticate: ProxyAuthenticate | void
    /**
     * Ends what goes on in a user's name: cached answers, authenticated connections, running
     * tunnels and forwarded requests of this registration; with the option `redis`, of those of its
     * realm in all processes. It bars no user: one that comes back is asked anew, so first take the
     * account away where it is kept.
     *
     * @param name - As in `request.proxyAuth.name` and the log.
     * @throws {BadOption} It is no text.
     */
    proxyAuthRevoke (name: string): void
    /**
     * Reads anew the file of the option `policy`, and what the strategies of this registration read
     * accounts from: files of accounts and groups, and whatever a verifier or look-up with a method
     * `reload` of its own does. Remembered verdicts on accounts that have changed end, and so does
     * what new rules forbid. All are tried, whatever comes of the others; what cannot be read, or
     * has a wrong line, stays as it was.
     *
     * @throws {ReloadFailed} Something could not be reloaded.
     */
    proxyAuthReload (): Promise<void>
    /**
     * Where the status page is on its own listener (`status.listen`), once the application is
     * ready. `undefined` before, and without such a listener.
     */
    proxyAuthStatusUrl (): string | undefined
  }
  interface FastifyContextConfig {
    /** Set on proxy routes, so that a hook of the application can step aside. */
    proxy?: 'forward' | 'connect' | 'reverse'
  }
}
