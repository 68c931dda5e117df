import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { git } from '../../test/fixtures/git-backend.js'
import { peer } from '../../test/fixtures/peers.js'
import { runProgram } from '../../test/fixtures/run-program.js'
import type { Ran } from '../../test/fixtures/run-program.js'
import { fieldLines, isGiven, isReady, withAccount } from './exchange.js'
import type { Client, Exchange, Told } from './exchange.js'
import { BASIC_ONLY, DIRECT, NO_FIELDS, NO_TLS } from './reasons.js'

/** A program with its arguments, and whether it got what it wanted. */
interface Run {
  readonly path: string
  readonly args: readonly string[]
  readonly env?: Record<string, string>
  /** Default: it ended well. */
  readonly served?: (ran: Ran) => boolean
}

/** Runs a program for each exchange. */
function each (t: Test, prepare: (exchange: Exchange) => Run): Client['run'] {
  return async exchanges => {
    const told: Told[] = []
    for (const exchange of exchanges) {
      const { path, args, env = {}, served = ({ code }) => code === 0 } = prepare(exchange)
      const ran = await runProgram(t, path, args, { ...exchange.account.env, ...env })
      told.push({ served: served(ran), says: `${ran.code} ${ran.stdout}${ran.stderr}`.trim() })
    }
    return told
  }
}

/** curl, which can be told every scheme of a name and a password, and any field for the proxy. */
function curl (t: Test): Client {
  const { path, skip } = peer('curl')
  return {
    name: 'curl',
    skip,
    cannot: () => undefined,
    run: each(t, exchange => {
      const { form, listener, scheme, account, proxy, url, ca } = exchange
      const trust = ['--cacert', ca.certFile, ...(listener === 'plain' ? [] : ['--proxy-cacert', ca.certFile])]
      const credentials = isGiven(exchange)
        ? fieldLines(exchange).flatMap(line => ['--proxy-header', line])
        : [`--proxy-${scheme.token.toLowerCase()}`, '--proxy-user', `${account.username}:${account.password}`]
      // It answers a 407 from a proxy alone: for a route that needs the challenge, the gateway is one that is sent origin-form.
      const target = form !== 'origin-form'
        ? ['--proxy', proxy.origin, ...credentials, url.href]
        : isReady(exchange)
          ? [...fieldLines(exchange).flatMap(line => ['--header', line]), url.href]
          : ['--proxy', proxy.origin, ...credentials, '--request-target', url.pathname, `http://gateway.test${url.pathname}`]
      return {
        path,
        args: ['-q', '--silent', '--show-error', '--max-time', '30', '--output', '/dev/null', '--write-out', '%{http_code} %{http_connect}', ...trust, ...target],
        served: ({ stdout }) => stdout.startsWith('200')
      }
    })
  }
}

function wget (t: Test): Client {
  const { path, skip } = peer('wget')
  return {
    name: 'wget',
    skip,
    cannot: cell => {
      if (cell.form === 'origin-form') return isReady(cell) ? undefined : DIRECT
      if (cell.listener !== 'plain') return NO_TLS
      if (cell.form === 'CONNECT' && isGiven(cell)) return NO_FIELDS
      return isReady(cell) ? undefined : BASIC_ONLY
    },
    run: each(t, exchange => {
      const { form, proxy, account, url, ca } = exchange
      const credentials = isGiven(exchange) ? fieldLines(exchange).map(line => `--header=${line}`) : [`--proxy-user=${account.username}`, `--proxy-password=${account.password}`]
      const through = form === 'origin-form' ? ['--no-proxy'] : ['http', 'https'].map(name => `--execute=${name}_proxy=${proxy.origin}`)
      return { path, args: ['--no-config', '--output-document=-', '--tries=1', '--timeout=30', `--ca-certificate=${ca.certFile}`, ...through, ...credentials, url.href] }
    })
  }
}

/** git asks for the refs of a repository. */
function gitLsRemote (t: Test): Client {
  return {
    name: 'git',
    skip: git.skip,
    cannot: cell => {
      if (cell.form === 'origin-form') return isReady(cell) ? undefined : DIRECT
      return cell.form === 'CONNECT' && isGiven(cell) ? NO_FIELDS : undefined
    },
    run: each(t, exchange => {
      const { form, scheme, proxy, url, ca } = exchange
      const refs = new URL(`${url.href.replace(/\/$/, '')}/repository.git/info/refs?service=git-upload-pack`)
      const settings = [`http.sslCAInfo=${ca.certFile}`, `http.proxySSLCAInfo=${ca.certFile}`]
      if (isGiven(exchange)) settings.push(...fieldLines(exchange, refs).map(line => `http.extraHeader=${line}`))
      else settings.push(`http.proxyAuthMethod=${scheme.token.toLowerCase()}`)
      if (form !== 'origin-form') settings.push(`http.proxy=${isGiven(exchange) ? proxy.origin : withAccount(exchange)}`)
      return {
        path: git.path,
        args: [...settings.flatMap(setting => ['-c', setting]), 'ls-remote', refs.href.slice(0, refs.href.indexOf('/info/'))],
        env: { GIT_TERMINAL_PROMPT: '0' },
        served: ({ code, stdout }) => code === 0 && stdout.includes('refs/heads/')
      }
    })
  }
}

/** What takes Basic from the URL of its proxy, and nothing else. It cannot be given a field, so reverse routes are none of its business. */
function urlOnly (name: string, skip: string | false, run: Client['run']): Client {
  return {
    name,
    skip,
    forms: ['absolute-form', 'CONNECT'],
    cannot: ({ scheme }) => scheme.token === 'Basic' ? undefined : BASIC_ONLY,
    run
  }
}

function apt (t: Test): Client {
  const { path, skip } = peer('apt-get')
  const prepare = (exchange: Exchange): Run => {
    const { url, ca } = exchange
    const folder = mkdtempSync(join(tmpdir(), 'apt-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'sources.list'), `deb [trusted=yes] ${url.href} ./\n`)
    const settings = {
      'Dir::State': folder,
      'Dir::State::status': '/dev/null',
      'Dir::Cache': folder,
      'Dir::Etc': folder,
      'Dir::Log': folder,
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '0',
      'Acquire::http::Proxy': withAccount(exchange),
      'Acquire::https::Proxy': withAccount(exchange),
      'Acquire::https::CaInfo': ca.certFile
    }
    return { path, args: ['update', '--error-on=any', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])] }
  }
  return urlOnly('apt', skip, each(t, prepare))
}

function pip (t: Test): Client {
  const { path, skip } = peer('python3-pip')
  return urlOnly('pip', skip, each(t, exchange => {
    const { url, ca } = exchange
    const options = ['--no-deps', '--no-cache-dir', '--disable-pip-version-check', '--retries=0', '--timeout=30']
    const where = [`--index-url=${url.href}simple/`, `--trusted-host=${url.hostname}`, `--cert=${ca.certFile}`, `--proxy=${withAccount(exchange)}`]
    return { path, args: ['-m', 'pip', '--isolated', 'download', ...options, ...where, 'hello'] }
  }))
}

function npm (t: Test): Client {
  return urlOnly('npm', false, each(t, exchange => {
    const { url, ca } = exchange
    const proxy = withAccount(exchange)
    const settings = { registry: `${url.href}npm/`, proxy, 'https-proxy': proxy, cafile: ca.certFile, 'fetch-retries': '0', 'update-notifier': 'false' }
    const args = ['view', 'hello', 'version', ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`)]
    return { path: 'npm', args, served: ({ stdout }) => stdout.includes('1.0.0') }
  }))
}

/** The clients that are programs, started for each exchange. */
export function programs (t: Test): Client[] {
  return [curl(t), wget(t), gitLsRemote(t), apt(t), pip(t), npm(t)]
}
