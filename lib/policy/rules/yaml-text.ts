import { createRequire } from 'node:module'
import type * as Yaml from 'yaml'
import { MissingPackage } from '../../errors.js'
import { UnreadableDocument } from './located-document.js'
import type { LocatedDocument } from './located-document.js'

/** Finds a package by its name. */
type LoadYaml = (name: string) => unknown

/**
 * Reads YAML 1.2: `09:00` and `no` are text there. What only warns is an error here, as are names
 * that come twice.
 *
 * @throws {UnreadableDocument} The text is no YAML, or several documents.
 * @throws {MissingPackage} The package `yaml` is not installed.
 */
export function readYaml (text: string, load: LoadYaml = createRequire(import.meta.url)): LocatedDocument {
  const { LineCounter, isNode, parseDocument } = packageYaml(load)
  const lines = new LineCounter()
  // Pretty errors show the text, and so do warnings about keys that are no text.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) throw new UnreadableDocument(lines.linePos(problem.pos[0]).line, `not YAML (${problem.code})`)
  return {
    value: valueOf(document),
    lineOf (path) {
      for (let end = path.length; end > 0; end--) {
        const node = document.getIn(path.slice(0, end), true)
        if (isNode(node) && node.range != null) return lines.linePos(node.range[0]).line
      }
      return 1
    }
  }
}

function valueOf (document: Yaml.Document.Parsed): unknown {
  try {
    return document.toJS() as unknown
  } catch {
    throw new UnreadableDocument(1, 'not YAML (aliases of what there is not, or too many)')
  }
}

function packageYaml (load: LoadYaml): typeof Yaml {
  try {
    return load('yaml') as typeof Yaml
  } catch (cause) {
    throw new MissingPackage('a policy in YAML', 'yaml', { cause })
  }
}
