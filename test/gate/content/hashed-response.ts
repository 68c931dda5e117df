import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestOptions, ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { holdResponse } from '../../../lib/gate/content/hashed-response.js'
import type { Protection } from '../../../lib/gate/content/hashed-response.js'
import { listen } from '../../fixtures/origin.js'
import { RawClient } from '../../fixtures/raw-client.js'
import { until } from '../../fixtures/until.js'
import { wholeAnswer } from '../../fixtures/whole-answer.js'
import type { WholeAnswer } from '../../fixtures/whole-answer.js'

type Write = (response: ServerResponse, request: IncomingMessage) => void

const FIELD = ['x-vouched', 'not yet'] as const
const BY_NAME = { [FIELD[0]]: FIELD[1] }
const NOTHING = 'nothing'
const vouching: Protection = { name: FIELD[0], nodeHash: 'md5', current: () => FIELD[1], valueFor: contentHash => contentHash ?? NOTHING }
const md5 = (content: string | Buffer) => createHash('md5').update(content).digest('hex')
const TRAILERS = { headers: { TE: 'deflate;q=0.5, Trailers', Connection: 'TE' } }

/** A server whose answers `write` writes, held with at most 10 octets. */
async function serve (t: Test, write: Write): Promise<number> {
  return await listen(t, createServer((request, response) => {
    holdResponse(request, response, vouching, 10)
    write(response, request)
  }))
}

async function ask (t: Test, write: Write, options: RequestOptions = {}): Promise<WholeAnswer> {
  return await wholeAnswer(t, { port: await serve(t, write), ...options })
}

interface Timer {
  readonly run: () => void
  readonly time: number
  readonly handle: NodeJS.Timeout
}

/** The timers that are set meanwhile. They do not run by themselves. */
function timersOf (act: () => void): Timer[] {
  const timers: Timer[] = []
  const { setTimeout } = globalThis
  globalThis.setTimeout = ((run: () => void, time: number) => {
    const handle = setTimeout(() => {}, 1_000_000).unref()
    timers.push({ run, time, handle })
    return handle
  }) as typeof setTimeout
  try {
    act()
  } finally {
    globalThis.setTimeout = setTimeout
  }
  return timers
}

const vouched = ({ headers, trailers, content }: WholeAnswer) => ({ head: headers['x-vouched'], trailer: trailers['x-vouched'], content: content.toString('latin1') })
const inHead = (content: string) => ({ head: md5(content), trailer: undefined, content })
const inTrailer = (content: string) => ({ head: undefined, trailer: md5(content), content })
const unvouched = (content: string) => ({ head: NOTHING, trailer: undefined, content })

for (const [name, options] of [['any client', {}], ['one that takes trailers', TRAILERS]] as const) {
  t.test(`${name}: no content, whatever its length (R-TRL-5, R-TRL-6)`, async t => {
    const writes: Array<[string, Write, number, string?]> = [
      ['HEAD', response => response.writeHead(200, { ...BY_NAME, 'content-length': 7 }).end(), 200, 'HEAD'],
      ['204', response => response.writeHead(204, BY_NAME).end(), 204],
      ['304', response => response.writeHead(304, 'Same', [...FIELD, 'Content-Length', '7', 'Trailer', 'x']).end(), 304],
      ['a length of 0', response => response.writeHead(404, { ...BY_NAME, 'Content-Length': '0' }).end(), 404],
      ['HEAD, flushed', response => { response.writeHead(200, { ...BY_NAME, 'content-length': 70 }).flushHeaders(); response.end() }, 200, 'HEAD'],
      ['HEAD, written', response => { response.writeHead(200, { ...BY_NAME, 'content-length': 70 }).write('dropped'); response.end() }, 200, 'HEAD'],
      ['204, flushed', response => { response.writeHead(204, BY_NAME).flushHeaders(); response.end() }, 204],
      ['304, flushed', response => { response.writeHead(304, { ...BY_NAME, 'content-length': 70 }).flushHeaders(); response.end() }, 304],
      ['a length of 0, flushed', response => { response.writeHead(404, { ...BY_NAME, 'Content-Length': 0 }).flushHeaders(); response.end() }, 404]
    ]
    for (const [label, write, status, method = 'GET'] of writes) {
      const answer = await ask(t, write, { ...options, method })
      t.same([vouched(answer), answer.status], [inHead(''), status], label)
      t.notOk('trailer' in answer.headers)
    }
  })

  t.test(`${name}: content in one piece has its hash in the head, and its length (R-TRL-2, R-TRL-4)`, async t => {
    const content = 'longer than what is held'
    const writes: Write[] = [
      response => response.writeHead(200, { ...BY_NAME, 'content-length': content.length }).end(content),
      response => response.writeHead(200, 'OK', [...FIELD, 'Content-Length', String(content.length)]).end(Buffer.from(content)),
      response => {
        response.setHeader(...FIELD)
        response.setHeader('content-length', content.length)
        response.end(content)
      },
      response => response.writeHead(200, { ...BY_NAME, 'content-length': content.length }).end(Buffer.from(content).toString('hex'), 'hex', () => {})
    ]
    for (const write of writes) {
      const answer = await ask(t, write, options)
      t.same(vouched(answer), inHead(content))
      t.equal(answer.headers['content-length'], String(content.length))
    }
    t.same(vouched(await ask(t, response => response.writeHead(200, BY_NAME).end(() => {}), options)), inHead(''))
    t.same(vouched(await ask(t, response => response.writeHead(200, BY_NAME).end(null), options)), inHead(''))
  })
}

t.test('a client that takes trailers: it gets content as it comes, and its hash behind it (R-TRL-1, R-TRL-2, R-TRL-3)', async t => {
  const content = 'much longer than what is held'
  const writes: Write[] = [
    response => { Readable.from(content.split(' ').flatMap((word, i) => i === 0 ? [word] : [' ', word])).pipe(response.writeHead(200, [...FIELD, 'Content-Length', String(content.length)])) },
    response => { response.writeHead(200, BY_NAME).write(content.slice(0, 5)); response.end(content.slice(5)) },
    response => { response.setHeader(...FIELD); response.setHeader('content-length', content.length); response.write(Buffer.from(content)); response.end() },
    response => { response.setHeader(...FIELD); response.flushHeaders(); response.write(content.slice(0, 2)); response.end(content.slice(2), 'latin1') }
  ]
  for (const write of writes) {
    const answer = await ask(t, write, TRAILERS)
    t.same(vouched(answer), inTrailer(content))
    t.match(answer.headers, { trailer: 'x-vouched', 'transfer-encoding': 'chunked', 'content-length': undefined }, 'no length beside trailers (R-TRL-5)')
  }
})

t.test('content with its hash in a trailer: it goes out before it is complete', async t => {
  let rest!: () => void
  const port = await serve(t, response => {
    response.writeHead(200, BY_NAME)
    response.write('first')
    rest = () => response.end('second')
  })
  const client = await RawClient.to(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\n\r\n')
  t.notMatch(await client.until(text => text.endsWith('5\r\nfirst\r\n')), md5('first'))
  rest()
  t.match(await client.until(text => text.endsWith('\r\n\r\n')), new RegExp(`6\r\nsecond\r\n0\r\nx-vouched: ${md5('firstsecond')}\r\n\r\n$`))
})

t.test('trailers of the application: they go out beside the hash (R-TRL-3, R-TRL-7)', async t => {
  for (const trailers of [{ 'x-theirs': '1' }, [['x-theirs', '1']]]) {
    const answer = await ask(t, response => {
      response.writeHead(200, [...FIELD, 'Trailer', 'x-theirs', 'Trailer', 'x-more'])
      response.write('content')
      response.addTrailers(trailers as { 'x-theirs': string })
      response.end()
    }, TRAILERS)
    t.equal(answer.headers['trailer'], 'x-theirs, x-more, x-vouched')
    t.same(answer.trailers, { 'x-theirs': '1', 'x-vouched': md5('content') })
  }
})

t.test('a client that takes no trailers: the response is held until its end (R-TRL-2, R-TRL-4)', async t => {
  const writes: Write[] = [
    response => { Readable.from(['01234', '56789']).pipe(response.writeHead(200, [...FIELD, 'Content-Length', '10'])) },
    response => { response.writeHead(200, BY_NAME).write('01234'); response.write('', 'latin1'); response.flushHeaders(); response.end('56789') },
    response => { response.setHeader(...FIELD); response.write('0123456789', 'utf8', () => response.end()) },
    response => { response.setHeader(...FIELD); response.flushHeaders(); response.write(Buffer.from('0123'), () => response.end('456789')) }
  ]
  for (const write of writes) t.same(vouched(await ask(t, write)), inHead('0123456789'))
  const short = await ask(t, response => { response.writeHead(200, { ...BY_NAME, 'content-length': 3 }).write('ab'); response.end('c') })
  t.match([vouched(short), short.headers], [inHead('abc'), { 'content-length': '3' }])
})

t.test('and its trailers are left out, with their announcement: the client takes none (R-TRL-8)', async t => {
  const answer = await ask(t, response => {
    response.writeHead(200, [...FIELD, 'Trailer', 'x-theirs']).write('content')
    response.addTrailers({ 'x-theirs': '1' })
    response.end()
  })
  t.same(vouched(answer), inHead('content'))
  t.notOk('trailer' in answer.headers)
  t.same(answer.trailers, {})
})

t.test('a response that is too long to be held: it goes out without its hash (R-PAI-8)', async t => {
  const content = '0123456789A and more'
  const writes: Write[] = [
    response => { response.writeHead(200, [...FIELD, 'Content-Length', String(content.length)]).write(content.slice(0, 1)); response.end(content.slice(1)) },
    response => { response.writeHead(200, BY_NAME).write(content.slice(0, 10)); response.write('A'); response.end(content.slice(11)) },
    response => { Readable.from(content).pipe(response.writeHead(200, BY_NAME)) }
  ]
  for (const write of writes) t.same(vouched(await ask(t, write)), unvouched(content))
  const trailed = await ask(t, response => {
    response.writeHead(200, [...FIELD, 'Trailer', 'x-theirs']).write(content)
    response.addTrailers({ 'x-theirs': '1' })
    response.end()
  })
  t.same([vouched(trailed), trailed.trailers], [unvouched(content), { 'x-theirs': '1' }], 'and trailers with it')
})

t.test('content that is to be read piece by piece: it is not held', async t => {
  for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8', 'multipart/x-mixed-replace; boundary=x']) {
    const port = await serve(t, response => { timersOf(() => { response.writeHead(200, { ...BY_NAME, 'content-type': type }).write('data') }) })
    const client = await RawClient.to(t, port)
    client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
    t.match(await client.until(text => text.includes('data')), /x-vouched: nothing/)
  }
})

t.test('a response that is held for 5 seconds: it goes out, and no timer stays', async t => {
  let response!: ServerResponse
  const timers: Timer[] = []
  const server = createServer((request, answer) => {
    response = answer
    holdResponse(request, answer, vouching, 10)
    timers.push(...timersOf(() => {
      answer.writeHead(200, BY_NAME)
      if (request.url === '/text') answer.write('some')
    }))
  })
  const port = await listen(t, server)
  for (const path of ['/text', '/']) {
    const client = await RawClient.to(t, port)
    client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
    await until(() => timers.length === 1)
    t.equal(client.text, '')
    const { run, time, handle } = timers.pop()!
    t.equal(time, 5_000)
    run()
    t.match(await client.until(text => text.includes('\r\n\r\n')), /x-vouched: nothing/)
    response.end('more')
    t.match(await client.until(text => text.endsWith('0\r\n\r\n')), path === '/text' ? /some[^]*more/ : /more/)
    run()
    await until(() => response.closed)
    t.equal((handle as unknown as { _destroyed: boolean })._destroyed, true, 'and no timer stays behind')
  }
})

t.test('an HTTP/1.0 client: it gets no trailers, whatever it asks for (R-TRL-5)', async t => {
  const port = await serve(t, response => { response.writeHead(200, BY_NAME).write('abc'); response.end('def') })
  const client = await RawClient.to(t, port)
  const text = await client.send('GET / HTTP/1.0\r\nTE: trailers, chunked\r\n\r\n').end()
  t.match(text, new RegExp(`x-vouched: ${md5('abcdef')}`))
  t.notMatch(text, /\r\ntrailer:/i)
})

t.test('a response without the field, or with one that is not ours: it gets no hash', async t => {
  const silent: Write[] = [
    response => { response.writeHead(407, { 'x-vouched': 'of another' }).write('a'); response.end('b') },
    response => { response.write('a'); response.addTrailers({}); response.end('b') },
    response => { response.setHeader('trailer', 'x'); response.write('a'); response.addTrailers({ x: '1' }); response.end('b') },
    response => { response.flushHeaders(); response.end('ab') },
    response => { response.end('ab') }
  ]
  for (const write of silent) {
    const answer = await ask(t, write)
    t.equal(answer.content.toString(), 'ab')
    t.notMatch([answer.headers, answer.trailers], new RegExp(md5('ab')))
  }
  const nothing = await wholeAnswer(t, {
    port: await listen(t, createServer((request, response) => {
      holdResponse(request, response, { ...vouching, current: () => undefined }, 10)
      response.writeHead(200, BY_NAME).end('ab')
    }))
  })
  t.equal(nothing.headers['x-vouched'], 'not yet')
})

t.test('a response that is not final: it is not held (R-TRL-5)', async t => {
  const port = await serve(t, response => { response.writeHead(101, { ...BY_NAME, Connection: 'upgrade', Upgrade: 'x' }).flushHeaders() })
  const client = await RawClient.to(t, port)
  client.send('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
  t.match(await client.until(text => text.includes('\r\n\r\n')), /101[^]*x-vouched: not yet/)
})

t.test('a response that is held: its head counts as sent, and a second head fails as usual', async t => {
  const seen: unknown[] = []
  const answer = await ask(t, response => {
    seen.push(response.headersSent)
    response.writeHead(201, BY_NAME)
    seen.push(response.headersSent, response.statusCode)
    try {
      response.writeHead(500)
    } catch (error) {
      seen.push((error as { code: string }).code)
    }
    seen.push(response.headersSent)
    response.end('text')
  })
  t.same(seen, [false, true, 201, 'ERR_HTTP_HEADERS_SENT', true])
  t.same([answer.status, vouched(answer)], [201, unvouched('text')])
})

t.test('a head that cannot be written: it fails at once where it goes out at once, else the connection is cut', async t => {
  const bad = { ...BY_NAME, 'x-bad': 'a\r\nb' }
  const codes: unknown[] = []
  await t.rejects(ask(t, response => {
    try {
      response.writeHead(204, bad)
    } catch (error) {
      codes.push((error as { code: string }).code)
      response.destroy()
    }
  }), { code: 'ECONNRESET' })
  t.same(codes, ['ERR_INVALID_CHAR'])
  await t.rejects(ask(t, response => { response.writeHead(200, bad).write('ab'); response.end('c') }), { code: 'ECONNRESET' })
  await t.rejects(ask(t, response => { response.writeHead(200, bad).write('ab'); response.end('c') }, TRAILERS), { code: 'ECONNRESET' })
})

t.test('a response that is cut, while it is held or later: the client gets no complete response', async t => {
  await t.rejects(ask(t, response => { response.writeHead(200, BY_NAME).write('ab'); response.destroy() }), { code: 'ECONNRESET' })
  const cut = await ask(t, response => { response.writeHead(200, BY_NAME).write('ab', () => response.destroy()) }, TRAILERS)
  t.same([cut.complete, cut.trailers], [false, {}])
})

t.test('a client that reads slowly: it is waited for as usual', async t => {
  let drained = false
  const port = await serve(t, response => {
    response.writeHead(200, { ...BY_NAME, 'content-length': 64_000_000 })
    const go = () => {
      if (response.write(Buffer.alloc(64_000_000))) return response.end()
      response.once('drain', () => { drained = true; response.end() })
    }
    go()
  })
  const answer = await wholeAnswer(t, { port, ...TRAILERS })
  t.same([drained, answer.trailers['x-vouched'], answer.content.length], [true, md5(Buffer.alloc(64_000_000)), 64_000_000])
})

t.test('HTTP/2: in the head, or not at all', async t => {
  const server = createHttp2Server((request, response) => {
    holdResponse(request as unknown as IncomingMessage, response as unknown as ServerResponse, vouching, 10)
    response.writeHead(200, BY_NAME)
    response.write('abc')
    response.end(request.url === '/long' ? 'defghijkl' : 'def')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => { session.destroy(); server.close() })
  for (const [path, expected] of [['/', md5('abcdef')], ['/longer', md5('abcdef')], ['/long', md5('abcdefghijkl')]] as const) {
    const stream = session.request({ ':path': path, te: 'trailers' })
    const [head] = await once(stream, 'response') as [Record<string, string>]
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    t.equal(head['x-vouched'], expected, text)
  }
})
