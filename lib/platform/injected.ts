/**
 * Whether a message is one of `app.inject()`, which has no connection: a response is out as soon as
 * it has ended, though its `writableFinished` says so later, and a request that is not read is
 * never `complete`.
 *
 * @quirk fastify-inject-finished
 */
export function isInjected (message: object): boolean {
  return 'isLightMyRequest' in message
}
