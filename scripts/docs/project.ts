import { readdirSync } from 'node:fs'
import ts from 'typescript'
import { Application, Converter, LogLevel } from 'typedoc'
import type { ProjectReflection, Reflection } from 'typedoc'
import { tidy } from './tidy.js'

/** The pages of the API: each file is one, and exports what is on it. */
const FOLDER = 'scripts/docs/api'

/** What TypeDoc has read. */
export interface Reading {
  readonly app: Application
  readonly project: ProjectReflection
  /** What the source calls `Milliseconds`. To TypeDoc, the type of an optional member is `number`. */
  readonly milliseconds: ReadonlySet<Reflection>
}

/**
 * Reads the public types and their comments.
 *
 * @param out - Where the pages of the API go.
 * @throws {Error} A type does not compile, a link leads nowhere, or a public type is not exported.
 */
export async function readProject (out: string): Promise<Reading> {
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: readdirSync(FOLDER).sort().map((file) => `${FOLDER}/${file}`),
    tsconfig: 'scripts/docs/tsconfig.json',
    out,
    name: 'API',
    readme: 'none',
    logLevel: LogLevel.Warn,
    disableGit: true,
    skipErrorChecking: true, // the type check does that
    disableSources: true,
    githubPages: false,
    excludeExternals: true,
    excludePrivate: true,
    excludeProtected: false,
    sort: ['source-order'],
    sortEntryPoints: true,
    validation: { notExported: true, invalidLink: true, invalidPath: false, notDocumented: false, rewrittenLink: true, unusedMergeModuleWith: true },
    // `@unit` says what an option counts. The text of `@defaultValue` is ours to format.
    preservedTypeAnnotationTags: ['@throws'],
    blockTags: ['@defaultValue', '@example', '@param', '@returns', '@see', '@throws', '@typeParam', '@unit', '@module', '@quirk'],
    jsDocCompatibility: { defaultTag: false, exampleTag: true, inheritDocTag: true, ignoreUnescapedBraces: true },
    ...MARKDOWN
  } as never)
  // A name in a link is one of the exported, on whatever page.
  app.converter.addUnknownSymbolResolver(({ symbolReference }, from) => {
    const name = symbolReference?.path?.map(({ path }) => path).join('.')
    const target = from.project.children!.flatMap(({ children = [] }) => children).find((each) => each.name === name)
    return target === undefined ? undefined : { target: target as never, caption: target.name }
  })
  const milliseconds = new Set<Reflection>()
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    const [declaration] = context.getSymbolFromReflection(reflection)?.declarations ?? []
    if (declaration === undefined || !ts.isPropertySignature(declaration)) return
    if (declaration.type?.getText() === 'Milliseconds') milliseconds.add(reflection)
  })
  const project = await app.convert()
  if (project === undefined) throw new Error('TypeDoc could not read the types')
  app.validate(project)
  tidy(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc has complained, see above')
  return { app, project, milliseconds }
}

/** The headings of pages whose names do not look well at the top. */
const TITLES: Readonly<Record<string, string>> = {
  accounts: 'API: accounts',
  aws4: 'API: AWS4-HMAC-SHA256',
  basic: 'API: Basic',
  bearer: 'API: Bearer',
  'client-certificates': 'API: client certificates',
  digest: 'API: Digest',
  errors: 'API: errors',
  fields: 'API: fields',
  negotiate: 'API: Negotiate',
  ntlm: 'API: NTLM',
  options: 'API: options',
  parents: 'API: parent proxies',
  plugin: 'API: the plugin',
  policy: 'API: rules',
  stores: 'API: stores',
  strategies: 'API: strategies'
}

/** How the pages look: the options of typedoc-plugin-markdown. */
const MARKDOWN = {
  router: 'module',
  entryFileName: 'README',
  flattenOutputFiles: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useCodeBlocks: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  classPropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  propertyMembersFormat: 'table',
  indexFormat: 'table',
  tableColumnSettings: { hideSources: true, hideModifiers: true, hideOverrides: true, hideInherited: true },
  pageTitleTemplates: { index: '{projectName}', module: ({ name }: { readonly name: string }) => TITLES[name] ?? name }
}
