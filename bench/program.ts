// A program of Debian's, started in the foreground with a configuration of ours, and measured with all its processes.
import { spawn } from 'node:child_process'
import { chownSync, copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { peer } from '../test/fixtures/peers.js'
import type { Peer } from '../test/fixtures/peers.js'
import type { Running } from './contenders/contender.js'
import { at } from './processor.js'
import { end, keep, keepFolder } from './started.js'
import { usageOf } from './usage.js'

/** The user of programs that do not want to be root. */
const NOBODY = 65534

/** How long a program may take until it listens, in ms. */
const START_TIMEOUT = 10_000

/** Finds a program in PATH, and in the folders of administrators. */
export function program (name: string, ...packages: string[]): Peer {
  return peer(name, { [name]: { packages } }, { PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` })
}

/**
 * Makes a folder for the files of a program, which it may read.
 *
 * @param files - Their texts, in which FOLDER is that folder.
 * @param copies - Other files to have there, by the names that they get.
 */
export function folderOf (name: string, files: Readonly<Record<string, string>>, copies: Readonly<Record<string, string>> = {}): string {
  const folder = keepFolder(mkdtempSync(join(tmpdir(), `bench-${name}-`)))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text.replaceAll('FOLDER', folder))
  for (const [file, from] of Object.entries(copies)) copyFileSync(from, join(folder, file))
  if (isRoot) for (const each of ['', ...readdirSync(folder)]) chownSync(join(folder, each), NOBODY, NOBODY)
  return folder
}

export const isRoot = process.getuid?.() === 0

/**
 * Starts one, and resolves once it listens.
 *
 * @param log - A file that says why it has ended.
 * @param drops - It changes its user by itself.
 */
export async function start (
  path: string, args: readonly string[], ports: Readonly<Record<string, number>>, { log, drops = false }: { log?: string, drops?: boolean } = {}
): Promise<Running> {
  const [command, ...rest] = at('contender', [path, ...args])
  const user = isRoot && !drops ? { uid: NOBODY, gid: NOBODY } : {}
  const child = keep(spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'], ...user }))
  let said = ''
  child.stderr!.on('data', (chunk) => { said = (said + String(chunk)).slice(-2000) })
  const deadline = Date.now() + START_TIMEOUT
  while (!(await Promise.all(Object.values(ports).map(accepts))).every(Boolean)) {
    if (child.exitCode === null && Date.now() < deadline) {
      await wait(20)
      continue
    }
    await end(child)
    const logged = log === undefined || !existsSync(log) ? '' : readFileSync(log, 'utf8').slice(-2000)
    throw new Error(`${path} does not listen: ${said}${logged}`)
  }
  const usage = async (): ReturnType<Running['usage']> => usageOf(child.pid!)
  return { ports, usage, collected: usage, end: async () => await end(child) }
}

function accepts (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
