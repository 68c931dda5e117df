import t from 'tap'
import type { Test } from 'tap'
import { curl } from '../fixtures/curl.js'
import { gateway } from '../fixtures/gateway.js'
import { git } from '../fixtures/git-backend.js'
import { inJava, java } from '../fixtures/java.js'
import { peer } from '../fixtures/peers.js'
import type { Peer } from '../fixtures/peers.js'
import { runProgram } from '../fixtures/run-program.js'

const [wget, python, requests, pip, apt, go] = [
  peer('wget'), peer('python3'), peer('python3-requests'), peer('python3-pip'), peer('apt-get'), peer('go')
]

/** A client that asks for something at `https://origin.test`, and what it prints of a refused CONNECT, with the reason in it. */
interface Client {
  readonly name: string
  readonly skip: string | false
  readonly says: string
  /** @param proxy - With credentials in it. */
  print (t: Test, proxy: string): Promise<string>
}

const REASON = 'Not on the allow list'
const ORIGIN = 'https://origin.test'

/** All that a program prints. It learns of the proxy from its environment. */
const printed = ({ path }: Pick<Peer, 'path'>, ...args: string[]) => async (t: Test, proxy: string, env: Record<string, string> = {}): Promise<string> => {
  const { stdout, stderr } = await runProgram(t, path, args, { https_proxy: proxy, HTTPS_PROXY: proxy, ...env })
  return stdout + stderr
}

const clients: Client[] = [
  { name: 'curl --include', skip: curl.skip, says: `HTTP/1.1 403 ${REASON}`, print: printed(curl, '--silent', '--include', `${ORIGIN}/`) },
  { name: 'wget', skip: wget.skip, says: `Proxy tunneling failed: ${REASON}`, print: printed(wget, '--tries=1', '--output-document=-', `${ORIGIN}/`) },
  {
    name: 'git with GIT_CURL_VERBOSE',
    skip: git.skip,
    says: `HTTP/1.1 403 ${REASON}`,
    print: async (t, proxy) => await printed(git, 'ls-remote', `${ORIGIN}/repository.git`)(t, proxy, { GIT_CURL_VERBOSE: '1' })
  },
  {
    name: 'npm', // it comes with node
    skip: false,
    says: `403 ${REASON} - GET`,
    print: printed({ path: 'npm' }, 'view', 'hello', `--registry=${ORIGIN}/`, '--fetch-retries=0')
  },
  {
    name: 'pip',
    skip: pip.skip,
    says: `Tunnel connection failed: 403 ${REASON}`,
    print: printed(pip, '-m', 'pip', 'download', '--retries=1', '--disable-pip-version-check', `--index-url=${ORIGIN}/simple`, 'hello')
  },
  {
    name: 'Python urllib',
    skip: python.skip,
    says: `Tunnel connection failed: 403 ${REASON}`,
    print: printed(python, '-c', `import urllib.request; urllib.request.urlopen('${ORIGIN}/')`)
  },
  {
    name: 'Python requests',
    skip: requests.skip,
    says: `Tunnel connection failed: 403 ${REASON}`,
    print: printed(requests, '-c', `import requests; requests.get('${ORIGIN}/')`)
  },
  {
    name: 'apt',
    skip: apt.skip,
    says: `Invalid response from proxy: HTTP/1.1 403 ${REASON}`,
    async print (t, proxy) {
      const folder = t.testdir({ 'sources.list': `deb [trusted=yes] ${ORIGIN} ./\n`, lists: { partial: {} }, cache: { archives: { partial: {} } } })
      const settings = [
        `Dir::Etc::sourcelist=${folder}/sources.list`, 'Dir::Etc::sourceparts=/dev/null', `Dir::State::lists=${folder}/lists`, `Dir::Cache=${folder}/cache`,
        'Acquire::Retries=0', 'APT::Sandbox::User=root'
      ]
      return await printed(apt, ...settings.flatMap(each => ['-o', each]), 'update')(t, proxy)
    }
  },
  {
    name: 'Go',
    skip: go.skip,
    says: `": ${REASON}`,
    print: async (t, proxy) => await printed(go, 'mod', 'download', '-json', 'origin.test/hello@v1.0.0')(t, proxy, { GOPROXY: ORIGIN, GONOSUMDB: '*', GOTOOLCHAIN: 'local' })
  },
  {
    name: 'Java HttpURLConnection',
    skip: java.skip,
    says: `Unable to tunnel through proxy. Proxy returns "HTTP/1.1 403 ${REASON}"`,
    async print (t, proxy) {
      const { port, username, password } = new URL(proxy)
      const [said] = await inJava(t, 'HttpURLConnection', [{ port, username, password, url: `${ORIGIN}/` }])
      return said!
    }
  }
]

for (const { name, skip, says, print } of clients) {
  t.test(`${name}, refused by policy: it prints the reason`, { skip }, async t => {
    const { port } = await gateway(t, { forward: { allow: ['other.test'] } })
    const said = await print(t, `http://alice:alice-secret@127.0.0.1:${port}`)
    t.ok(said.includes(says), `${says}, in: ${said.slice(0, 1000)}`)
  })
}
