// On what and with what it was measured.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, type } from 'node:os'
import type { Contender } from './contenders/contender.js'
import { hasWrk } from './load/load.js'
import { settings } from './settings.js'

export function machine (contenders: readonly Contender[], root: string): string[] {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { version: string }
  const versions = contenders.filter(({ missing }) => missing === false).flatMap(({ name, version }) => version === undefined ? [] : [`${name} ${version()}`])
  const { processes, rounds, seconds } = settings
  return [
    [new Date().toISOString().slice(0, 10), `fastify-proxy-auth ${version}${commit(root)}`, `node ${process.versions.node}`, ...versions].join(', '),
    `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'processor'}, ${type()} ${release()}`,
    `${processes} processes of each, ${rounds} rounds of ${seconds} s in each; GETs from ${hasWrk ? 'wrk' : 'node (apt-get install wrk)'}`
  ]
}

function commit (root: string): string {
  try {
    return ` (${execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()})`
  } catch {
    return ''
  }
}
