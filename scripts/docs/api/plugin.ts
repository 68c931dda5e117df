/**
 * The plugin, its hook, and what it adds to Fastify.
 *
 * | Added to | Name | What it is |
 * | --- | --- | --- |
 * | the request | `request.proxyAuth` | `null` until the hook has accepted the request, then a `ProxyIdentity`. It counts for the registration, the strategies and the status (407 or 401) that it was made for. |
 * | the reply | `reply.proxyAuthenticationInfo(params)` | Adds parameters to the `Proxy-Authentication-Info` of the response, or to `Authentication-Info` on a reverse route with `status: 401`. Gives the reply back. |
 * | the instance | `app.proxyAuthenticate` | The hook of this scope's own registration; `undefined` until the plugin has loaded. Prefer the exported `proxyAuthenticate`. |
 * | the instance | `app.proxyAuthReload()` | Reads the accounts of the strategies anew: see [Changes of a file](../../guide/accounts.md#changes-of-a-file). |
 * | the instance | `app.proxyAuthUsage()` | Says what each user has open and has moved: see [Who uses what](../../guide/events.md#who-uses-what). |
 * | the instance | `app.proxyAuthEnd(id)` | Ends one tunnel, WebSocket or forwarded request. |
 * | the instance | `app.proxyAuthStatusUrl()` | Where the [status page](../../guide/status-page.md) is on a listener of its own, once the application is ready. |
 * | the instance | `app.proxyAuthRevoke(name)` | Ends what goes on in a user's name: remembered verdicts, authenticated connections, running tunnels and forwarded requests. |
 * | the route | `config.proxy` | `'forward'`, `'connect'` or `'reverse'` on proxy routes, so that a hook of the application can step aside. |
 *
 * @module
 */
export { proxyAuth, proxyAuthenticate } from '../../../lib/index.js'
export type {
  AcceptedUser, Defaulting, Eventual, Given, Milliseconds, Principal, ProxyAuthenticate, ProxyIdentity, ProxyUser
} from '../../../lib/index.js'
