// Two users through one parent, each with an account of its own there: nothing of the one goes under the name of the other.
import { Agent, request as send } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import type { ParentOptions } from '../../lib/policy/parent/parent-options.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { LINK_SCHEMES, credentialsFor, strategyFor } from '../fixtures/chain.js'
import type { Link } from '../fixtures/chain.js'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, BOB, gateway } from '../fixtures/gateway.js'
import { origin } from '../fixtures/origin.js'
import type { Answer } from '../fixtures/origin.js'
import { RawClient } from '../fixtures/raw-client.js'
import { until } from '../fixtures/until.js'
import { Random } from '../fuzz/harness/random.js'

const REQUESTS = 1_000
/** How many are under way at a time. */
const LANES = 12
const SEED = Number(process.env['SEED'] ?? Math.trunc(Math.random() * 2 ** 31))

const USERS = ['alice', 'bob'] as const
type User = typeof USERS[number]
const FIELDS: Readonly<Record<User, string>> = { alice: ALICE, bob: BOB }
const FORMS = ['GET', 'POST', 'CONNECT', 'https', 'reverse GET', 'reverse POST'] as const

interface Row {
  readonly name: string
  /** Of the accounts at the parent. */
  readonly scheme: Link['scheme']
  readonly passthrough?: true
}

const ROWS: readonly Row[] = [
  ...LINK_SCHEMES.map(scheme => ({ name: `accounts with ${scheme}`, scheme })),
  { name: 'the credentials that the users themselves send', scheme: 'Basic', passthrough: true }
]

/** Who has come on connections. */
class Wires {
  private readonly users = new Map<Socket, Set<string>>()

  note (socket: Socket, user: string): void {
    this.users.set(socket, (this.users.get(socket) ?? new Set()).add(user))
  }

  /** How many have served more than one. */
  get mixed (): number {
    return [...this.users.values()].filter(({ size }) => size > 1).length
  }

  /** How many have served this one. */
  of (user: string): number {
    return [...this.users.values()].filter(users => users.has(user)).length
  }
}

/** Names of these are this machine. */
const lookup = (_name: string, _options: unknown, done: (error: null, addresses: object[]) => void): void => {
  done(null, [{ address: '127.0.0.1', family: 4 }])
}

for (const { name, scheme, passthrough } of ROWS) {
  t.test(`two users at random over ${REQUESTS} requests, ${name}: each goes under its own, and no connection serves both (R-CHAIN-2, R-CHAIN-5, S19)`, { skip: openssl.skip }, async t => {
    t.comment(`SEED=${SEED}`)
    const random = new Random(SEED, ROWS.findIndex(row => row.name === name))
    const accounts = USERS.map(user => passthrough ? { username: user, password: `${user}-secret` } : { username: `${user}-there`, password: `canary-of-${user}` })
    const accountOf = (user: string) => accounts.find(({ username }) => username.startsWith(user))!

    /** Who has come on each connection to an origin, and to one behind tunnels. */
    const [wires, tunnels] = [new Wires(), new Wires()]
    const answer: Answer = ({ headers }, response, body) => { response.end(`${String(headers['x-user'])} ${body.length}`) }
    const noting = (...all: Wires[]): Answer => (request, response, body) => {
      for (const each of all) each.note(request.socket, String(request.headers['x-user']))
      answer(request, response, body)
    }
    const tls = certificate(t, 'shared.test')
    const [plain, upstream, secure] = [await origin(t, noting(wires)), await origin(t, noting(wires, tunnels)), await origin(t, noting(wires, tunnels), tls)]

    /** Who has come on each connection to the parent, by account and by target. */
    const lines = new Wires()
    const parent = await gateway(t, {
      via: 'parent',
      hook: 'onRequest',
      strategies: [strategyFor(scheme, ...accounts)],
      forward: { special: ['*.test:*'], lookup: lookup as never },
      before: app => {
        app.addHook('onRequest', async ({ raw }) => {
          const [, user] = /^(?:http:\/\/)?([a-z]+)-\d+\.test/.exec(raw.url!) ?? []
          if (user !== undefined) lines.note(raw.socket, user)
        })
        app.addHook('preHandler', async ({ raw, proxyAuth }) => lines.note(raw.socket, proxyAuth!.name.replace('-there', '')))
      }
    })
    const by: ParentOptions = {
      url: parent.url, name: 'parent', ...(passthrough ? { passthrough } : { credentials: ({ name }) => credentialsFor(scheme, accountOf(name)) })
    }
    const first = await gateway(t, {
      via: 'first',
      forward: { special: ['*.test:*'], parents: [by], tls: { ca: tls.cert } },
      reverse: [{ prefix: '/api', upstream: `http://shared.test:${upstream.port}`, parents: ['parent'] }]
    })

    // Each of its connections serves both users.
    const agent = new Agent({ keepAlive: true, maxSockets: LANES / 2 })
    t.teardown(() => agent.destroy())
    const ask = async (user: User, method: string, path: string): Promise<string> => await new Promise((resolve, reject) => {
      const asked = send({ host: '127.0.0.1', port: first.port, method, path, agent, headers: { 'proxy-authorization': FIELDS[user], 'x-user': user } }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', chunk => { text += chunk }).on('end', () => resolve(`${response.statusCode} ${text}`)).on('error', reject)
      })
      asked.on('error', reject).end(method === 'POST' ? 'content' : '')
    })
    const tunnel = async (user: User, authority: string): Promise<string> => {
      const client = await RawClient.to(t, first.port)
      const head = await client.send(connectHead(authority, `Proxy-Authorization: ${FIELDS[user]}`)).answer()
      if (!head.startsWith('HTTP/1.1 200 ')) return head
      const text = await client.send(`GET / HTTP/1.1\r\nHost: ${authority}\r\nX-User: ${user}\r\n\r\n`).answer()
      client.socket.destroy()
      return `${text.slice(9, 12)} ${text.split('\r\n\r\n')[1]}`
    }
    const perform = async (number: number): Promise<string | null> => {
      const [user, form] = [random.one(USERS), random.one(FORMS)]
      const target = `${user}-${number}.test:${plain.port}`
      const method = form.endsWith('POST') ? 'POST' : 'GET'
      const got = form === 'CONNECT' ? await tunnel(user, target) : await ask(user, method, { https: `https://shared.test:${secure.port}/`, GET: `http://${target}/`, POST: `http://${target}/` }[form as string] ?? '/api/')
      return got === `200 ${user} ${method === 'POST' ? 7 : 0}` ? null : `request ${number}, ${form} of ${user}: ${got}`
    }

    let number = 0
    const wrong: Array<string | null> = []
    await Promise.all(Array.from({ length: LANES }, async () => {
      while (number < REQUESTS) wrong.push(await perform(number++))
    }))
    t.same(wrong.filter(each => each !== null).slice(0, 5), [])
    t.equal(wrong.length, REQUESTS)

    t.equal(lines.mixed, 0, 'no connection to the parent has served both')
    t.equal(wires.mixed, 0, 'nor has one to an origin')
    await until(() => first.proxied().length === REQUESTS)
    await first.app.close()
    await parent.app.close() // it has written down its tunnels then
    const records = parent.proxied()
    for (const user of USERS) {
      const ours = records.filter(record => record['user'] === accountOf(user).username)
      t.ok(ours.length > REQUESTS / 8, `${ours.length} of ${user}`)
      const foreign = ours.filter(({ target }) => !new RegExp(`^(?:http://)?(?:${user}-\\d+|shared)\\.test(?::|$)`).test(String(target)))
      t.same(foreign.slice(0, 5), [])
      t.equal(ours.filter(({ target }) => String(target).startsWith('shared.test:')).length, tunnels.of(user), 'as many tunnels as connections behind them')
    }
    t.notMatch(JSON.stringify([first.log, parent.log]), /canary|-secret/)
    t.notMatch(JSON.stringify([plain, upstream, secure].map(({ seen }) => seen.map(({ rawHeaders }) => rawHeaders))), /canary|-there|proxy-/i)
  })
}
