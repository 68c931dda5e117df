// Where each process runs: what is measured has a processor of its own, and all contenders have the same one.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

export type Place = 'contender' | 'load'

const isPinned = availableParallelism() > 1 && spawnSync('taskset', ['-V']).status === 0

/** The load and the origins have one processor for both, and wait for each other. */
export const isShared = availableParallelism() < 3

/** The command that runs another one in its place. */
export function at (place: Place, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  if (!isPinned) return command
  return ['taskset', '-c', place === 'contender' ? '0' : `1-${availableParallelism() - 1}`, ...command]
}
