// Parents that respond as none should, in each form of request: a status that fits, one line in the log, and no socket.
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { ABSOLUTE, TARGET, TUNNELLED, tryParent } from '../fixtures/parent-trial.js'
import type { Trial, TrialForm } from '../fixtures/parent-trial.js'

const ALL = [...ABSOLUTE, ...TUNNELLED]
const REVERSE: readonly TrialForm[] = ['reverse GET', 'reverse POST']
const SERVED = '200 tried'

const empty = (line: string, ...fields: string[]): string => [`HTTP/1.1 ${line}`, ...fields, 'Content-Length: 0', '', ''].join('\r\n')
const asking = (...challenges: string[]): string => empty('407 Log in', ...challenges.map(each => `Proxy-Authenticate: ${each}`))
const DIGEST = 'Digest realm="parent", qop="auth", nonce="n"'
const CONNECTED = 'HTTP/1.1 200 Connection established\r\n\r\n'

/** What is said to a request that is not within a tunnel; `undefined`: what is good; `null`: it has been said already. */
type Say = (about: { readonly isConnect: boolean, readonly isLoggedIn: boolean, readonly count: number, readonly socket: Socket }) => string | null | undefined

interface Row {
  readonly name: string
  readonly say: Say
  readonly scheme?: Trial['scheme']
  readonly outcomes: ReadonlyArray<readonly [forms: readonly TrialForm[], outcome: string]>
  readonly inTunnel?: Trial['inTunnel']
  /** The most requests that it may get. */
  readonly most?: number
}

const REFUSED = [[ALL, '502 PARENT_REFUSED']] as const
const ROWS: readonly Row[] = [
  { name: 'a 407 without a challenge', say: () => empty('407 No'), outcomes: REFUSED, most: 1 },
  { name: 'a 407 without a challenge, for Digest', scheme: 'Digest', say: () => empty('407 No'), outcomes: REFUSED, most: 2 },
  { name: 'a challenge of a scheme that no one knows', scheme: 'Digest', say: () => asking('Newauth realm="x"'), outcomes: REFUSED },
  { name: 'a challenge of another scheme than the account has', scheme: 'Digest', say: () => asking('Basic realm="x"'), outcomes: REFUSED },
  { name: 'a challenge that is none', scheme: 'Digest', say: () => asking('Digest realm="x, nonce=', '=,,"'), outcomes: REFUSED },
  {
    name: 'five challenges on one line',
    scheme: 'Digest',
    say: ({ isLoggedIn }) => isLoggedIn ? undefined : asking(`Newauth a="b", Negotiate, NTLM, Basic realm="x, Digest", ${DIGEST}`),
    outcomes: [[ALL, SERVED]]
  },
  { name: 'another challenge each time, for ever', scheme: 'Digest', say: ({ count }) => asking(`${DIGEST.slice(0, -2)}${count}", stale=true`), outcomes: REFUSED, most: 12 },
  { name: 'the same challenge each time, for ever', scheme: 'Digest', say: () => asking(DIGEST), outcomes: REFUSED, most: 4 },
  {
    name: 'a 407 that ends the connection, and says so',
    scheme: 'Digest',
    say: ({ isLoggedIn, socket }) => isLoggedIn ? undefined : finish(socket, asking(DIGEST).replace('Content-Length', 'Connection: close\r\nContent-Length')),
    outcomes: [[ALL, SERVED]]
  },
  {
    name: 'a 407 that lies about its length',
    scheme: 'Digest',
    say: ({ isLoggedIn, socket }) => isLoggedIn ? undefined : finish(socket, `${asking(DIGEST).replace('Length: 0', 'Length: 100')}less`),
    outcomes: [[ALL, SERVED]]
  },
  {
    name: 'a 407 of HTTP/1.0, up to the end of the connection',
    scheme: 'Digest',
    say: ({ isLoggedIn, socket }) => isLoggedIn ? undefined : finish(socket, `HTTP/1.0 407 x\r\nProxy-Authenticate: ${DIGEST}\r\n\r\npage`),
    outcomes: [[ALL, SERVED]]
  },
  {
    name: 'a 200 with content to CONNECT, which is the target\'s',
    say: ({ isConnect }) => isConnect ? 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' : undefined,
    outcomes: [[ABSOLUTE, SERVED], [['CONNECT'], SERVED], [REVERSE, '502 UPSTREAM_PROTOCOL']],
    inTunnel: async client => {
      client.send('ping')
      await client.until(text => text === 'hellopong')
    }
  },
  { name: 'another 2xx to CONNECT', say: ({ isConnect }) => isConnect ? empty('204 No') : undefined, outcomes: [[ALL, SERVED]] },
  { name: 'interim responses before the final one', say: ({ isConnect }) => `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 x\r\n\r\n${isConnect ? CONNECTED : TARGET}`, outcomes: [[ALL, SERVED]] },
  { name: 'interim responses for ever', say: () => 'HTTP/1.1 102 x\r\n\r\n'.repeat(5000), outcomes: [[TUNNELLED, '502 PARENT_PROTOCOL']] },
  { name: 'a 101 that was not asked for', say: () => 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n', outcomes: [[ALL, '502 PARENT_PROTOCOL']] },
  { name: 'a head of 1 MiB', say: () => `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(1_048_576)}\r\n\r\n`, outcomes: [[ALL, '502 UPSTREAM_HEAD_TOO_LARGE']] },
  { name: 'a head of many fields', say: () => `HTTP/1.1 200 OK\r\n${'X: a\r\n'.repeat(200_000)}\r\n`, outcomes: [[ALL, '502 UPSTREAM_HEAD_TOO_LARGE']] },
  { name: 'a 301', say: () => empty('301 Moved', 'Location: http://other.test/'), outcomes: [[ABSOLUTE, '301 tried'], [TUNNELLED, '502 PARENT_PROTOCOL']] },
  { name: 'a 401, as of an origin', say: () => empty('401 No', 'WWW-Authenticate: Basic realm="x"'), outcomes: [[ABSOLUTE, '401 tried'], [TUNNELLED, '502 PARENT_PROTOCOL']] },
  ...[403, 502, 503, 504].map(status => ({ name: `a ${status}`, say: () => empty(`${status} No`), outcomes: [[ABSOLUTE, `${status} tried`], [TUNNELLED, `${status} PARENT_DENIED`]] as const })),
  ...[400, 405, 429, 500].map(status => ({ name: `a ${status}`, say: () => empty(`${status} No`), outcomes: [[ABSOLUTE, `${status} tried`], [TUNNELLED, '502 PARENT_PROTOCOL']] as const })),
  {
    name: 'a response that comes in single octets',
    say: ({ isConnect, socket }) => drip(socket, isConnect ? CONNECTED : TARGET),
    outcomes: [[ALL, SERVED]]
  },
  { name: 'another protocol', say: () => 'SSH-2.0-OpenSSH_9.2\r\n\r\n', outcomes: [[ALL, '502 PARENT_PROTOCOL']] },
  { name: 'a response of HTTP/0.9', say: ({ socket }) => finish(socket, '<html>hello</html>'), outcomes: [[ALL, '502 PARENT_PROTOCOL']] },
  { name: 'a status of four digits', say: () => 'HTTP/1.1 2000 OK\r\n\r\n', outcomes: [[ALL, '502 PARENT_PROTOCOL']] },
  { name: 'a field without a colon', say: () => 'HTTP/1.1 200 OK\r\nX\r\n\r\n', outcomes: [[ALL, '502 PARENT_PROTOCOL']] },
  { name: 'two lengths', say: () => 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Length: 7\r\n\r\ntarget', outcomes: [[ABSOLUTE, '502 PARENT_PROTOCOL']] },
  {
    name: 'fields of its own login in a good response',
    say: ({ isConnect }) => (isConnect ? CONNECTED : TARGET).replace('\r\n', `\r\nProxy-Authenticate: ${DIGEST}\r\nProxy-Authentication-Info: nextnonce="secret-of-the-parent"\r\n`),
    outcomes: [[ALL, SERVED]]
  }
]

function finish (socket: Socket, text: string): null {
  socket.end(text, 'latin1')
  return null
}

function drip (socket: Socket, text: string): null {
  if (text !== '') socket.write(text.slice(0, 1), () => setImmediate(() => drip(socket, text.slice(1))))
  return null
}

/** A parent that says what it is told to, and is the target as well. */
async function parentSaying (t: Test, say: Say): Promise<{ port: number, count: () => number }> {
  const open = new Set<Socket>()
  let count = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    /** Within a tunnel, and what is left to say when the content has come. */
    let isTunnel = false
    let last: string | null = null
    let text = ''
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket)).on('end', () => socket.end())
    const respond = (head: string): void => {
      const isConnect = head.startsWith('CONNECT ')
      const isLoggedIn = /^proxy-authorization: digest/im.test(head)
      const said = isTunnel ? undefined : say({ isConnect, isLoggedIn, count: ++count, socket })
      isTunnel ||= isConnect && !said?.startsWith('HTTP/1.1 407') && (said !== null || socket.writable)
      const good = isConnect ? CONNECTED : TARGET
      last = said === undefined && /^transfer-encoding/im.test(head) ? good : null
      if (said !== null && last === null) socket.write(said ?? good, 'latin1')
    }
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1 && /^[A-Z]+ /.test(text); end = text.indexOf('\r\n\r\n')) {
        respond(text.slice(0, end + 4))
        text = text.slice(end + 4)
      }
      if (text === 'ping') socket.write('pong')
      if (!text.endsWith('\r\n0\r\n\r\n')) return
      if (last !== null) socket.write(last)
      text = ''
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>(resolve => {
    for (const socket of open) socket.destroy()
    server.close(() => resolve())
  }))
  return { port: (server.address() as AddressInfo).port, count: () => count }
}

for (const { name, say, scheme = 'Basic', outcomes, inTunnel, most = Infinity } of ROWS) {
  t.test(`a parent that says ${name}: the status and the line fit, and no socket is left`, async t => {
    await Promise.all(outcomes.flatMap(([forms, outcome]) => forms.map(async form => {
      const { port, count } = await parentSaying(t, say)
      const { says, answer, lines, sockets } = await tryParent(t, { form, port, scheme, ...inTunnel !== undefined && { inTunnel } })
      t.equal(says, outcome, form)
      t.strictSame({ lines, sockets }, { lines: 1, sockets: 0 }, form)
      t.notMatch(answer, /proxy-authenticat|secret-of-the-parent/i, form)
      t.ok(count() <= most, `${count()} requests`)
    })))
  })
}
