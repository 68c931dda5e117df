import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Pages by their path within a folder. */
export type Pages = ReadonlyMap<string, string>

/** The pages that are generated: all in `api/`, and those named here. */
const OWN = /^api\/|^(?:options|errors)\.md$/

/** Says how what lies in a folder differs from what should. */
export async function differences (folder: string, pages: Pages): Promise<string[]> {
  const found: string[] = []
  for (const [path, text] of pages) {
    const there = await readFile(join(folder, path), 'utf8').catch(() => undefined)
    if (there === undefined) found.push(`${folder}/${path} is not there`)
    else if (there !== text) found.push(`${folder}/${path}: ${firstDifference(there, text)}`)
  }
  return [...found, ...(await stale(folder, pages)).map((path) => `${folder}/${path} should not be there`)]
}

/** Writes the pages, and removes what was generated before and is no longer. */
export async function write (folder: string, pages: Pages): Promise<void> {
  for (const path of await stale(folder, pages)) await rm(join(folder, path))
  for (const [path, text] of pages) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

async function stale (folder: string, pages: Pages): Promise<string[]> {
  const there = await readdir(folder, { recursive: true }).catch(() => [])
  return there.filter((path) => path.endsWith('.md') && OWN.test(path) && !pages.has(path))
}

function firstDifference (there: string, wanted: string): string {
  const [lines, others] = [there.split('\n'), wanted.split('\n')]
  const at = others.findIndex((line, index) => line !== lines[index])
  const line = at === -1 ? others.length : at
  return `line ${line + 1} should be: ${others[line] ?? '(nothing)'}`
}
