import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { pathParameters } from '../../../lib/proxy/reverse/parameters.js'
import type { HttpProxyRoute } from '../../../lib/proxy/reverse/route.js'

const route = (options: object): HttpProxyRoute => ({ upstream: 'http://a.test', ...options }) as HttpProxyRoute

t.test('a prefix without parameters, or a path that takes none over: nothing to guard', async t => {
  t.equal(pathParameters('/a', route({ rewritePrefix: '/:b' })), undefined)
  t.equal(pathParameters('/:a', route({})), undefined)
  for (const upstream of ['', 'none', ['http://a.test/:a']]) t.equal(pathParameters('/:a', route({ upstream })), undefined)
  t.ok(pathParameters('/:a', route({ upstream: 'http://a.test/:a' })))
})

t.test('a parameter value that would leave its path segment: it is refused', async t => {
  const { failureOf } = pathParameters('/:a', route({ rewritePrefix: '/:a' }))!
  const failure = (params: object) => failureOf({ params } as FastifyRequest)
  for (const a of ['/', 'a/b', '\\', '?', '#', '.', '..']) t.match(failure({ a }), { code: 'FST_PROXY_AUTH_BAD_TARGET', statusCode: 400 }, a)
  for (const a of ['', 'a', '...', '.a', '%2f', '$&']) t.equal(failure({ a, '*': '../x' }), null, a)
})

t.test('path parameters in a rewrite: the handler gets text to insert, and all other code the original values', async t => {
  const seen: unknown[] = []
  const { guard, preRewrite } = pathParameters('/:a/:b', route({
    rewritePrefix: '/:a/:b', preRewrite: (url: string, params: unknown) => { seen.push(params); return url }
  }))!
  const params = { a: ':b$&', b: 'é%' }
  const request = { params } as unknown as FastifyRequest
  let path = '/:a/:b'
  const handler = guard(function ({ params: inserted }: FastifyRequest) {
    t.equal(preRewrite('/u', inserted as never, '/:a/:b'), '/u')
    t.equal(request.params, params)
    for (const [name, value] of Object.entries(inserted as Record<string, string>)) path = path.replace(`:${name}`, value)
  })
  handler.call({} as never, request, {} as FastifyReply)
  t.equal(path, '/%3Ab$&/%C3%A9%25')
  t.equal(preRewrite('/v', params, '/:a/:b'), '/v', 'called by `reply.fromParameters`')
  t.strictSame(seen, [params, params])
})
