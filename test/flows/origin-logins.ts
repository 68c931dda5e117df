// Origins with a real NTLM or Negotiate of their own, and clients with real messages and tickets, through us.
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { lookupStatic } from '../../lib/index.js'
import { readMessage } from '../../lib/schemes/ntlm/message.js'
import { verifyWith } from '../../lib/strategies/ntlm/lookup.js'
import type { NtlmExchange } from '../../lib/strategies/ntlm/options.js'
import { readNtlmOptions } from '../../lib/strategies/ntlm/options.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import { kdc } from '../fixtures/kdc.js'
import { firstToken, kerberos } from '../fixtures/kerberos.js'
import { knowing } from '../fixtures/lookup.js'
import { authenticate, negotiate } from '../fixtures/ntlm-client.js'
import { listen } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { RawClient } from '../fixtures/raw-client.js'
import { runProgram } from '../fixtures/run-program.js'

const curl = peer('curl')
const realm = kerberos.skip === false ? await kdc(t) : undefined
const caches: Record<string, string> = {}
if (realm !== undefined) {
  Object.assign(process.env, realm.env)
  for (const user of ['alice', 'bob']) caches[user] = realm.cache(user)
}

const { lookup } = lookupStatic({ alice: 'alice-secret', bob: 'bob-secret' })
const verifier = verifyWith(lookup, readNtlmOptions({ lookup }))

/** What an origin knows of a connection. */
interface Wire { user?: string | undefined, exchange?: NtlmExchange | undefined }

/** A scheme: how an origin judges a token, a token to answer with if it has one, and how a user logs in. */
interface Scheme {
  readonly name: string
  readonly skip: string | false
  readonly judge: (wire: Wire, token: string) => Promise<string>
  readonly login: (user: string, ask: (token: string) => Promise<string>) => Promise<unknown>
  readonly curl: (user: string) => [args: string[], env?: Record<string, string>]
}

const SCHEMES: Scheme[] = [{
  name: 'NTLM',
  skip: false,
  async judge (wire, token) {
    const message = readMessage(token)
    if (message.type === 1) {
      wire.exchange = await verifier.begin(message)
      return wire.exchange.challenge.toString('base64')
    }
    const verdict = await wire.exchange?.finish(message, undefined)
    wire.user = verdict?.kind === 'right' ? verdict.userId : undefined
    return ''
  },
  async login (user, ask) {
    const first = negotiate()
    await ask(authenticate(await ask(first), first, { user, password: `${user}-secret` }))
  },
  curl: user => [['--ntlm', '-u', `${user}:${user}-secret`]]
}, {
  name: 'Negotiate',
  skip: kerberos.skip,
  async judge (wire, token) {
    const context = await kerberos.library.initializeServer('')
    await context.step(token)
    wire.user = context.username!.split('@')[0]!
    return context.response ?? ''
  },
  async login (user, ask) {
    process.env['KRB5CCNAME'] = caches[user]!
    await ask((await firstToken()).token)
  },
  curl: user => [['--negotiate', '-u', ':'], { KRB5_CONFIG: realm!.env['KRB5_CONFIG']!, KRB5CCNAME: caches[user]! }]
}]

/** An origin whose `/open` is for everybody, and whose other pages tell whose connection it is. */
async function origin (t: Test, { name, judge }: Scheme) {
  const wires = new Map<Socket, Wire>()
  const server = createServer(async ({ socket, url, headers: { authorization } }, response) => {
    const wire = wires.get(socket)!
    const [, token] = /^\w+ (.+)$/.exec(authorization ?? '') ?? []
    if (token !== undefined) wire.user = undefined
    const answer = token === undefined ? '' : await judge(wire, token).catch(() => '')
    const open = url!.endsWith('/open')
    const { user } = wire
    const text = user ?? (open ? 'nobody' : '')
    response.writeHead(user === undefined && !open ? 401 : 200, {
      'Content-Length': text.length, ...((user === undefined ? !open : answer !== '') && { 'WWW-Authenticate': `${name} ${answer}`.trim() })
    }).end(text)
  })
  server.on('connection', (socket: Socket) => {
    wires.set(socket, {})
    socket.on('close', () => wires.delete(socket))
  })
  const port = await listen(t, server)
  return { wires, port }
}

async function through (t: Test, scheme: Scheme) {
  const { wires, port } = await origin(t, scheme)
  const up = await gateway(t, {
    reverse: [{ prefix: '/api', upstream: `http://127.0.0.1:${port}` }], forward: { special: ['localhost:*'], lookup: knowing('localhost') }
  })
  const target = { 'absolute-form': `http://localhost:${port}`, reverse: '/api' }
  return { ...up, wires, target, originPort: port }
}

for (const scheme of SCHEMES) {
  for (const form of ['absolute-form', 'reverse'] as const) {
    t.test(`${scheme.name}, ${form}: two users at random over 200 requests, and one who is nobody (R-PSUP-1, R-PSUP-3, S19)`, { skip: scheme.skip }, async t => {
      const { port, target, wires } = await through(t, scheme)
      const head = (path: string) => `GET ${target[form]}${path} HTTP/1.1\r\nHost: localhost\r\nProxy-Authorization: ${ALICE}\r\n` // us they all tell the same
      const start = async (user: string) => {
        const client = await RawClient.to(t, port)
        const ask = async (token?: string) => await client.send(`${head('/')}${token === undefined ? '' : `Authorization: ${scheme.name} ${token}\r\n`}\r\n`).answer()
        if (user !== '') await scheme.login(user, async token => /^www-authenticate: \w+ (\S+)\r$/im.exec(await ask(token))?.[1] ?? '')
        return { user, client, ask }
      }
      const clients = []
      for (const user of ['alice', 'bob', '', 'alice', 'bob', '']) clients.push(await start(user))
      for (let i = 0; i < 200; i++) {
        const { user, client, ask } = clients[Math.floor(Math.random() * clients.length)]!
        const open = Math.random() < 0.3
        const answer = open ? await client.send(`${head('/open')}\r\n`).answer() : await ask()
        const [status, body] = [answer.slice(9, 12), answer.split('\r\n\r\n')[1]]
        if (status !== (user === '' && !open ? '401' : '200') || body !== (user === '' && open ? 'nobody' : user)) return t.fail(`request ${i}: ${status} ${body} instead of ${user}`)
      }
      t.same([...wires.values()].map(({ user }) => user ?? '').sort(), ['', 'alice', 'alice', 'bob', 'bob'], 'who is nobody shares a connection')
      for (const { client } of clients) client.socket.destroy()
    })
  }

  t.test(`${scheme.name}: curl as alice and curl as bob at a time, through the proxy and to a reverse route (R-PSUP-1, R-PSUP-3)`, { skip: scheme.skip || curl.skip }, async t => {
    const { port, originPort, target } = await through(t, scheme)
    const runs = ['alice', 'bob'].flatMap(user => (['absolute-form', 'reverse'] as const).map(async form => {
      const [args, env] = scheme.curl(user)
      const way = form === 'reverse' ? ['-H', `Proxy-Authorization: ${ALICE}`] : ['-x', `http://127.0.0.1:${port}`, '-U', 'alice:alice-secret']
      const url = form === 'reverse' ? `http://localhost:${port}${target.reverse}` : `http://localhost:${originPort}`
      const { stdout, stderr } = await runProgram(t, curl.path, ['-q', '-sS', '--max-time', '60', '-w', '\n', ...way, ...args, `${url}/[1-100]`], env, 70_000)
      const wrong = stdout.split('\n').filter(line => line !== '' && line !== user)
      t.same([wrong, stdout.match(new RegExp(`^${user}$`, 'gm'))?.length], [[], 100], `${user}, ${form}: ${stderr}`)
    }))
    await Promise.all(runs)
  })
}
