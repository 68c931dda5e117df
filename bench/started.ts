// All that the benchmark has started or made, and that must be gone when it ends, however it ends.
import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'

const running = new Set<ChildProcess>()
const folders: string[] = []

/** How long a program may take to end, in ms. */
const END_TIMEOUT = 3000

/** From now on {@link endAll} ends it too. */
export function keep<Child extends ChildProcess> (child: Child): Child {
  running.add(child)
  child.once('exit', () => running.delete(child))
  child.once('error', () => running.delete(child))
  return child
}

/** From now on {@link endAll} removes it. */
export function keepFolder (folder: string): string {
  folders.push(folder)
  return folder
}

/** Ends one, and waits for that. */
export async function end (child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT)
  child.kill()
  await ended
  clearTimeout(timer)
}

/** Ends all, and waits for none. */
export function endAll (): void {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
}
