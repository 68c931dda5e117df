import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyServerOptions } from 'fastify'
import { HttpsProxyAgent } from 'https-proxy-agent'
import t from 'tap'
import type { Test } from 'tap'
import { ProxyAgent, request as undiciRequest } from 'undici'
import { certificate, openssl } from '../fixtures/certificate.js'
import { curl } from '../fixtures/curl.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { git, gitBackend } from '../fixtures/git-backend.js'
import { inJava, isRefusal, java } from '../fixtures/java.js'
import { origin } from '../fixtures/origin.js'
import { peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'
import { TARGET_SCHEMES, served, world } from '../fixtures/world.js'
import type { World } from '../fixtures/world.js'

const [wget, python, requests] = [peer('wget'), peer('python3'), peer('python3-requests')]
const RIGHT = 'alice-secret'
const source = (name: string) => fileURLToPath(new URL(`../fixtures/clients/${name}`, import.meta.url))

/** With credentials in it, as programs take it. */
const proxyOf = ({ port }: Gateway, password: string) => `http://alice:${password}@127.0.0.1:${port}`

/** A client: asks for `url` with a token for the origin, gives the status that it was told. */
interface Client {
  readonly name: string
  readonly skip: string | false
  fetch (t: Test, world: World, password: string): Promise<number>
  /** It tunnels http, too. */
  readonly tunnels?: boolean
  /** What it has to say to the origin gets lost in itself, once it has credentials for a proxy. */
  readonly forgetful?: boolean
}

/** The number that a program printed; what it said instead goes into the test's diagnostics. */
function printed (t: Test, { stdout, stderr }: { stdout: string, stderr: string }): number {
  const status = Number(stdout)
  if (!(status > 0)) t.comment(stdout + stderr)
  return status
}

const TOKEN = 'Authorization: Bearer origin-token'

const clients: Client[] = [
  {
    name: 'curl',
    skip: curl.skip,
    async fetch (t, { gate, url, ca }, password) {
      const args = ['--silent', '--output', '/dev/null', '--header', TOKEN, '--proxy', proxyOf(gate, password), ...ca === null ? [] : ['--cacert', ca.certFile]]
      const { stdout } = await runProgram(t, curl.path, [...args, '--write-out', '%{http_code} %{http_connect}', url])
      const [status, connect] = stdout.split(' ').map(Number)
      return status || connect!
    }
  },
  {
    name: 'curl --proxytunnel --proxy-anyauth',
    skip: curl.skip,
    tunnels: true,
    async fetch (t, { gate, url, ca }, password) {
      const args = ['--silent', '--output', '/dev/null', '--header', TOKEN, '--proxytunnel', '--proxy-anyauth', '--proxy', proxyOf(gate, password)]
      if (ca !== null) args.push('--cacert', ca.certFile)
      const { stdout } = await runProgram(t, curl.path, [...args, '--write-out', '%{http_code} %{http_connect} %{num_connects}', url])
      const [status, connect, connections] = stdout.split(' ').map(Number)
      t.equal(connections, 1, 'on one connection')
      return status || connect!
    }
  },
  {
    name: 'wget',
    skip: wget.skip,
    async fetch (t, { gate, url, ca }, password) {
      const proxy = `http://127.0.0.1:${gate.port}`
      const { stderr } = await runProgram(t, wget.path, [
        '--output-document=-', '--server-response', '--tries=1', '--timeout=20', `--header=${TOKEN}`, '--proxy-user=alice', `--proxy-password=${password}`,
        '--execute=use_proxy=yes', `--execute=http_proxy=${proxy}`, `--execute=https_proxy=${proxy}`,
        ...ca === null ? [] : [`--ca-certificate=${ca.certFile}`], url
      ])
      if (/Proxy Authentication Required|Proxy credentials not accepted/.test(stderr)) return 407
      return Number(/HTTP\/1\.1 (\d{3})/.exec(stderr)?.[1])
    }
  },
  {
    name: 'Python urllib',
    skip: python.skip,
    async fetch (t, { gate, url, ca }, password) {
      return printed(t, await runProgram(t, python.path, [source('urllib-client.py'), proxyOf(gate, password), url, ca?.certFile ?? '']))
    }
  },
  {
    name: 'Python requests',
    skip: requests.skip,
    async fetch (t, { gate, url, ca }, password) {
      return printed(t, await runProgram(t, requests.path, [source('requests-client.py'), proxyOf(gate, password), url, ca?.certFile ?? '']))
    }
  },
  ...(['HttpURLConnection', 'HttpClient'] as const).map((client): Client => ({
    name: `Java ${client}`,
    skip: java.skip,
    forgetful: client === 'HttpClient',
    async fetch (t, { gate, url, ca }, password) {
      const [said] = await inJava(t, client, [{ port: gate.port, username: 'alice', password, url }], { ca })
      return isRefusal(said) ? 407 : printed(t, { stdout: said!, stderr: '' })
    }
  })),
  ...[true, false].map((proxyTunnel): Client => ({
    name: `undici ProxyAgent, proxyTunnel ${proxyTunnel}`,
    skip: false,
    tunnels: proxyTunnel,
    async fetch (_t, { gate, url, ca }, password) {
      const token = `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`
      const dispatcher = new ProxyAgent({ uri: gate.url, token, proxyTunnel, requestTls: ca === null ? {} : { ca: ca.cert } })
      try {
        const { statusCode, body } = await undiciRequest(url, { dispatcher, headers: { authorization: 'Bearer origin-token' } })
        await body.dump()
        return statusCode
      } catch (error) {
        return Number(/\((\d+)\)/.exec(String(error))?.[1])
      } finally {
        await dispatcher.destroy()
      }
    }
  })),
  {
    name: 'https-proxy-agent',
    skip: false,
    tunnels: true,
    async fetch (_t, { gate, url, ca }, password) {
      const agent = new HttpsProxyAgent(proxyOf(gate, password))
      const send = ca === null ? httpRequest : httpsRequest
      return await new Promise((resolve, reject) => {
        send(url, { agent, ca: ca?.cert, headers: { authorization: 'Bearer origin-token' } }, response => {
          response.resume().on('end', () => resolve(response.statusCode!))
        }).on('error', reject).end()
      })
    }
  }
]

for (const client of clients) {
  for (const scheme of TARGET_SCHEMES) {
    t.test(`${client.name}, ${scheme}`, { skip: client.skip || (scheme === 'https' && openssl.skip) }, async t => {
      const here = await world(t, scheme)
      t.equal(await client.fetch(t, here, 'wrong'), 407, 'a wrong password')
      t.equal(here.target.connections, 0, 'and the origin hears nothing of it (R-407-11)')
      t.equal(await client.fetch(t, here, RIGHT), 200)
      t.equal(here.target.seen.length, 1)
      const { headers, url } = here.target.seen[0]!
      const method = scheme === 'https' || client.tunnels === true ? 'CONNECT' : 'GET'
      t.equal(headers.authorization, client.forgetful === true ? undefined : 'Bearer origin-token')
      t.notOk('proxy-authorization' in headers)
      if (method === 'GET') t.notOk('proxy-connection' in headers) // wget says it to origins, too, inside a tunnel
      t.equal(url, '/')
      t.match(await served(here), { user: 'alice', scheme: 'Basic', method })
    })
  }
}

t.test('curl with more to send: it is refused with a wrong password, and served with the right one', { skip: curl.skip }, async t => {
  const content = 'x'.repeat(3_000_000)
  const run = async (t: Test, { url, ca }: World, ...args: string[]) => {
    const all = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code} %{http_connect}', ...ca === null ? [] : ['--cacert', ca.certFile]]
    const { stdout } = await runProgram(t, curl.path, [...all, ...args, url])
    return stdout
  }
  for (const scheme of TARGET_SCHEMES) {
    for (const tunnel of [[], ['--proxytunnel']]) {
      t.test([scheme, ...tunnel].join(' '), { skip: scheme === 'https' && openssl.skip }, async t => {
        const here = await world(t, scheme)
        const connects = scheme === 'https' || tunnel.length > 0
        const file = join(t.testdir({ content }), 'content')
        const refused = connects ? '000 407' : '407 000'
        const served = connects ? '200 200' : '200 000'
        const put = ['--upload-file', file, '--header', 'Expect: 100-continue', ...tunnel]
        t.equal(await run(t, here, '--proxy', proxyOf(here.gate, 'wrong'), ...put), refused)
        t.equal(here.target.connections, 0)
        t.equal(await run(t, here, '--proxy', proxyOf(here.gate, RIGHT), ...put), served)
        t.equal(await run(t, here, '--proxy', proxyOf(here.gate, RIGHT), '--proxy-anyauth', ...put), served, 'asked first')
        t.equal(await run(t, here, '--proxy', proxyOf(here.gate, RIGHT), '--data', 'a=b', ...tunnel), served)
        t.equal(await run(t, here, '--proxy', proxyOf(here.gate, RIGHT), '--proxy-anyauth', '--data', `@${file}`, ...tunnel), served)
        const own = ['--proxy', here.gate.url, '--proxy-header', `Proxy-Authorization: ${ALICE}`]
        t.equal(await run(t, here, ...own, ...tunnel), served, 'by --proxy-header')
        t.strictSame(here.target.seen.map(({ method, body }) => [method, body.length]), [
          ['PUT', content.length], ['PUT', content.length], ['POST', 3], ['POST', content.length], ['GET', 0]
        ])
        for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
      })
    }
  }
})

t.test('curl to a proxy with TLS: one connection serves the 407 and the 200', { skip: curl.skip || openssl.skip }, async t => {
  const target = await origin(t)
  const own = certificate(t, 'gateway.test')
  const gate = await gateway(t, { fastify: { https: { key: own.key, cert: own.cert } } as FastifyServerOptions })
  const proxy = ['--proxy', `https://alice:${RIGHT}@127.0.0.1:${gate.port}`, '--proxy-cacert', own.certFile, '--proxytunnel', '--proxy-anyauth']
  const { stdout } = await runProgram(t, curl.path, [
    '--silent', '--output', '/dev/null', '--write-out', '%{http_code} %{http_connect} %{num_connects}', ...proxy, target.url
  ])
  t.equal(stdout, '200 200 1')
})

for (const scheme of TARGET_SCHEMES) {
  t.test(`git clone, ${scheme}`, { skip: git.skip || (scheme === 'https' && openssl.skip) }, async t => {
    const here = await world(t, scheme, gitBackend(t))
    const into = t.testdir()
    const clone = (password: string) => runProgram(t, git.path, [
      '-c', `http.proxy=${proxyOf(here.gate, password)}`, ...here.ca === null ? [] : ['-c', `http.sslCAInfo=${here.ca.certFile}`],
      'clone', `${here.url}repository.git`, join(into, password)
    ], { GIT_TERMINAL_PROMPT: '0' })
    const refused = await clone('wrong')
    t.not(refused.code, 0)
    t.match(refused.stderr, /407/)
    t.equal(here.target.connections, 0)
    const { code, stderr } = await clone(RIGHT)
    t.equal(code, 0, stderr)
    t.equal(await readFile(join(into, RIGHT, 'hello'), 'utf8'), 'hello\n')
    for (const { headers } of here.target.seen) t.notOk('proxy-authorization' in headers)
  })
}
