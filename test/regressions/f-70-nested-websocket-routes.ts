import t from 'tap'
import type { Test } from 'tap'
import type { ReverseRoute } from '../../lib/index.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { next, webSocket, webSocketOrigin } from '../fixtures/web-sockets.js'

type Way = 'none' | 'pass' | 'leave'

/** How a route is told what to make of WebSockets. */
const WAYS: Record<Way, () => object> = {
  none: () => ({}),
  pass: () => ({ websocket: true }),
  leave: () => ({ websocket: true, wsHooks: { onIncomingMessage () {} } })
}

/** What comes of a WebSocket: the path that the upstream got, or the status of the refusal. */
async function comes (t: Test, port: number, path: string, seen: readonly { url?: string | undefined }[]): Promise<string | number> {
  const socket = webSocket(t, `ws://127.0.0.1:${port}${path}`, { headers: { 'Proxy-Authorization': ALICE } })
  const refused = new Promise<number>(resolve => socket.once('unexpected-response', (_request, { statusCode }) => resolve(statusCode!)))
  const echoed = next(socket, 'open').then(async () => {
    socket.send('echo')
    await next(socket, 'message')
    return seen.at(-1)!.url!
  })
  return await Promise.race([refused, echoed])
}

for (const outer of Object.keys(WAYS) as Way[]) {
  for (const inner of Object.keys(WAYS) as Way[]) {
    for (const order of ['outer first', 'inner first']) {
      t.test(`WebSockets to ${inner} inside ${outer}, ${order}: the inner route's own way (F-70)`, async t => {
        const upstream = await webSocketOrigin(t)
        let hooked = 0
        const onIncomingMessage = () => { hooked += 1 }
        const routes = [
          { prefix: '/a', upstream: upstream.url, ...WAYS[outer]() },
          { prefix: '/a/b', upstream: `${upstream.url}/in`, ...WAYS[inner](), ...(inner === 'leave' && { wsHooks: { onIncomingMessage } }) }
        ] as ReverseRoute[]
        const { port } = await gateway(t, {
          forward: undefined,
          fastify: { routerOptions: { caseSensitive: false } },
          reverse: order === 'outer first' ? routes : routes.reverse()
        })
        for (const path of ['/a/b/x', '/A/B/x']) t.equal(await comes(t, port, path, upstream.seen), inner === 'none' ? 200 : '/in/x', path)
        t.equal(hooked, inner === 'leave' ? 2 : 0, 'hooks of the inner route')
        t.equal(await comes(t, port, '/a/y', upstream.seen), outer === 'none' ? 200 : '/y')
      })
    }
  }
}

t.test('`rewriteUrl` leads a WebSocket to another route: its own way (F-70)', async t => {
  const upstream = await webSocketOrigin(t)
  const { port } = await gateway(t, {
    forward: undefined,
    fastify: { rewriteUrl: ({ url }) => url!.replace('/a/b/', '/b/') },
    reverse: [{ prefix: '/a', upstream: upstream.url, ...WAYS.leave() }, { prefix: '/b', upstream: upstream.url }] as ReverseRoute[]
  })
  t.equal(await comes(t, port, '/a/b/x', upstream.seen), 200)
  t.equal(await comes(t, port, '/a/x', upstream.seen), '/x')
})

t.test('a route behind a constraint that takes its time, without WebSockets: a clear refusal (F-70)', async t => {
  const upstream = await webSocketOrigin(t)
  const { port } = await gateway(t, {
    forward: undefined,
    before: app => app.addConstraintStrategy({
      name: 'slow',
      storage: () => {
        const handlers = new Map<string, unknown>()
        return { get: (value: string) => handlers.get(value) ?? null, set: (value: string, handler: unknown) => { handlers.set(value, handler) } }
      },
      deriveConstraint: (_request: unknown, _context: unknown, done: (failure: null, value: string) => void) => { setImmediate(done, null, 'yes') },
      validate () {}
    } as never),
    reverse: [
      { prefix: '/a', upstream: upstream.url, ...WAYS.leave() },
      { prefix: '/a/b', upstream: upstream.url, constraints: { slow: 'yes' } }
    ] as ReverseRoute[]
  })
  t.equal(await comes(t, port, '/a/b/x', upstream.seen), 400)
  t.equal(await comes(t, port, '/a/x', upstream.seen), '/x')
})
