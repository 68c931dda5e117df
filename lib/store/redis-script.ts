import type { RedisClient } from './shared-redis.js'

/** A script of ours in Redis, which runs it as one step. */
export type RedisScript = (keys: readonly string[], ...args: ReadonlyArray<string | number>) => Promise<unknown>

/** A command of a client, that its types do not know of. */
type Command = (...args: ReadonlyArray<string | number>) => Promise<unknown>

/**
 * Makes a script known to a client.
 *
 * @param name - Of its command. Another text has another name: a client may serve two versions of
 *   this package.
 * @param keys - How many keys it takes.
 * @example
 * const claim = defineScript(client, 'proxyAuthClaim1', 1, 'return redis.call("INCR", KEYS[1])')
 * await claim(['{prefix}:v1:count'])
 */
export function defineScript (client: RedisClient, name: string, keys: number, lua: string): RedisScript {
  client.defineCommand(name, { lua, numberOfKeys: keys })
  const commands = client as unknown as Record<string, Command>
  return async (names, ...args) => await commands[name]!(...names, ...args)
}
