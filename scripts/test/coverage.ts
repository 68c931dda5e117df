import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { compiled } from './compile.js'
import { ownFiles } from './own-files.js'

/** What node writes of a process: `NODE_V8_COVERAGE`. */
interface Coverage {
  result: { url: string }[]
  'source-map-cache': Record<string, unknown>
}

/** Where `tap report` reads. */
const KEPT = '.tap/coverage'

/** The coverage of one test file: of those files of `lib` alone that are its own. */
export class FileCoverage {
  readonly #name: string
  readonly #urls: Set<string>
  readonly #folder: string

  constructor (test: string) {
    this.#name = test.replaceAll('/', '-')
    this.#urls = new Set(ownFiles(test).map(source => pathToFileURL(compiled(source)).href))
    this.#folder = `.tap/all-coverage/${this.#name}`
  }

  /** What has node write it. */
  get env (): Record<string, string> {
    return this.#urls.size === 0 ? {} : { NODE_V8_COVERAGE: this.#folder }
  }

  async keep (): Promise<void> {
    if (this.#urls.size === 0) return
    for (const [index, file] of (await readdir(this.#folder).catch(() => [])).entries()) {
      const { result, 'source-map-cache': maps } = JSON.parse(await readFile(`${this.#folder}/${file}`, 'utf8')) as Coverage
      const own = result.filter(({ url }) => this.#urls.has(plain(url)))
      if (own.length === 0) continue
      const ownMaps = Object.fromEntries(own.map(({ url }) => [plain(url), maps[url]]))
      for (const each of own) each.url = plain(each.url)
      await writeFile(`${KEPT}/${this.#name}-${index}.json`, JSON.stringify({ result: own, 'source-map-cache': ownMaps }))
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Without the query by which a mocked module differs. */
const plain = (url: string): string => url.split('?')[0]!

/** Begins anew. */
export async function forgetCoverage (): Promise<void> {
  await rm(KEPT, { recursive: true, force: true })
  await mkdir(KEPT, { recursive: true })
}
