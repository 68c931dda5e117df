import { readdir, readFile } from 'node:fs/promises'
import type { Reading } from './project.js'
import { GENERATED } from './text.js'

/**
 * Writes the pages of the API.
 *
 * @param folder - Where TypeDoc writes them first.
 * @returns By file name.
 */
export async function apiPages ({ app, project }: Reading, folder: string): Promise<Map<string, string>> {
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc has complained, see above')
  const files = (await readdir(folder)).filter((file) => file.endsWith('.md')).sort()
  return new Map(await Promise.all(files.map(async (file) => [file, await readPage(`${folder}/${file}`)] as const)))
}

async function readPage (path: string): Promise<string> {
  const text = await readFile(path, 'utf8')
  // A default that there is not has no need of a word.
  return `${GENERATED}\n\n${text.trim().replace(/ +$/gm, '').replace(/(?<!\\)\| `undefined` (?=\|)/g, '| ')}\n`
}
