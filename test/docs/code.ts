import { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import * as library from '../../lib/index.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { allPages, parsePage, readPage } from '../fixtures/pages.js'
import type { Block } from '../fixtures/pages.js'
import { compileAll, exported, place, programsOf } from '../fixtures/programs.js'

// Signatures are no programs, and those pages are generated.
const pages = allPages().filter(path => !path.startsWith('docs/reference/api/')).map(readPage)
const blocks = pages.flatMap(page => page.blocks)

/** Faults on purpose. They are compiled with all others, as that takes seconds. */
const wrong = parsePage('wrong.md', [
  '<!-- part of: options -->', '```js', 'realms: \'x\'', '```', '',
  '<!-- part of: forward -->', '```ts', 'allow: \'*\'', '```', '',
  '```js', 'import { NoSuch } from \'fastify-proxy-auth\'', '```', '',
  '<!-- part of: reverse -->', '```js', 'prefix: \'/api\', upstream, status: 401', '```', '',
  '```js', 'allow: []', '```', '',
  '<!-- part of: nothing -->', '```js', 'allow: []', '```'
].join('\n'))

t.test('the code on the pages: it compiles, and what is wrong is found', async t => {
  const { programs, problems } = programsOf([...blocks, ...wrong.blocks], exported(library))
  const found = [...problems, ...await compileAll(programs, t.testdir())]
  const isMeant = (problem: string) => problem.startsWith('wrong.md')
  t.strictSame(found.filter(problem => !isMeant(problem)), [])
  t.strictSame(found.filter(isMeant).map(problem => problem.split(': ')[0]).sort(), ['wrong.md:11', 'wrong.md:2', 'wrong.md:20', 'wrong.md:25', 'wrong.md:7'])
})

t.test('the programs on the pages: they boot', { skip: openssl.skip }, async t => {
  const folder = t.testdir()
  const tls = certificate(t, 'localhost')
  const servers = new Set<Server>()
  const { listen } = Server.prototype
  // What is printed has a port of its own, which may be taken here.
  Server.prototype.listen = function (this: Server, options: unknown, ...rest: never[]) {
    servers.add(this)
    return Reflect.apply(listen, this, [typeof options === 'object' ? { ...options, port: 0 } : 0, ...rest])
  } as typeof listen
  const there = process.cwd()
  const alive = setInterval(() => {}, 60_000) // a program that does not listen leaves nothing to wait for
  t.teardown(() => {
    Server.prototype.listen = listen
    process.chdir(there)
    clearInterval(alive)
  })
  for (const program of programsOf(blocks.filter(isRunnable), []).programs) {
    const file = place(program, join(folder, program.file.replace('.', '-')), library, tls)
    process.chdir(dirname(file))
    await t.resolves(import(pathToFileURL(file).href), program.place)
    for (const server of servers) server.close()
    servers.clear()
  }
})

/** What a program would need of the machine, or of the reader, to run. */
const MORE = [
  "'node:test'", // a test of this file it would be
  'new NegotiateStrategy(', // a keytab
  "from 'ioredis'" // a Redis
]

/** Plain JavaScript that makes a server. Clients would need one that runs elsewhere. */
function isRunnable ({ language, partOf, text }: Block): boolean {
  return /^(?:m?js|javascript)$/.test(language) && partOf === null && text.includes("from 'fastify'") && !MORE.some(need => text.includes(need))
}
