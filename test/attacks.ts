import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

// docs/security.md says of each known attack which test tries it, or why none does. Here: that none of them is missing there, that the
// tests that are named carry the ids in their titles, and that what was mended in a package below ours is in the lowest version we take.

/** Of the collection of what befell other proxies: S1 to S49. */
const SEEN = Array.from({ length: 49 }, (_, i) => `S${i + 1}`)
/** Public advisories of what we stand on, since November 2023. */
const ADVISORIES = {
  node: `
    CVE-2023-44487 CVE-2023-46809 CVE-2024-21890 CVE-2024-21891 CVE-2024-21892 CVE-2024-21896 CVE-2024-22017 CVE-2024-22018 CVE-2024-22019 CVE-2024-22020 CVE-2024-22025
    CVE-2024-24806 CVE-2024-27980 CVE-2024-27982 CVE-2024-27983 CVE-2024-36137 CVE-2024-36138 CVE-2024-37372 CVE-2025-23083 CVE-2025-23084 CVE-2025-23085 CVE-2025-23165
    CVE-2025-23166 CVE-2025-23167 CVE-2025-27209 CVE-2025-27210 CVE-2025-55130 CVE-2025-55131 CVE-2025-55132 CVE-2025-59464 CVE-2025-59465 CVE-2025-59466 CVE-2026-21636
    CVE-2026-21637 CVE-2026-21710 CVE-2026-21711 CVE-2026-21712 CVE-2026-21713 CVE-2026-21714 CVE-2026-21715 CVE-2026-21716 CVE-2026-21717 CVE-2026-27135 CVE-2026-48615 CVE-2026-48617
    CVE-2026-48618 CVE-2026-48619 CVE-2026-48928 CVE-2026-48930 CVE-2026-48931 CVE-2026-48933 CVE-2026-48934 CVE-2026-48935 CVE-2026-48936 CVE-2026-48937 CVE-2026-56846
    CVE-2026-56847 CVE-2026-56848 CVE-2026-56850 CVE-2026-58039 CVE-2026-58040 CVE-2026-58041 CVE-2026-58042 CVE-2026-58043 CVE-2026-58044 CVE-2026-58045`,
  undici: `
    CVE-2024-24750 CVE-2024-24758 CVE-2024-30260 CVE-2024-30261 CVE-2024-38372 CVE-2025-22150 CVE-2025-47279 CVE-2026-1525 CVE-2026-1526 CVE-2026-1527 CVE-2026-1528
    CVE-2026-2229 CVE-2026-2581 CVE-2026-6733 CVE-2026-6734 CVE-2026-9675 CVE-2026-9678 CVE-2026-9679 CVE-2026-9697 CVE-2026-11525 CVE-2026-12151 CVE-2026-13697
    CVE-2026-14643 CVE-2026-15157 CVE-2026-16728 CVE-2026-16729 CVE-2026-18149 CVE-2026-18540 CVE-2026-19534 CVE-2026-22036 CVE-2026-84890 CVE-2026-84933 CVE-2026-84947
    CVE-2026-84961 CVE-2026-85008 CVE-2026-85014 CVE-2026-85024 CVE-2026-85152`,
  fastify: `
    CVE-2024-45813 CVE-2025-32442 CVE-2026-3419 CVE-2026-3635 CVE-2026-16732 CVE-2026-18504 CVE-2026-25223 CVE-2026-25224 CVE-2026-33806 CVE-2026-47219 CVE-2026-76169
    CVE-2026-84428 CVE-2026-84469 CVE-2026-84504 GHSA-4mh8-r7rc-xpvc`,
  'its proxy plugins': 'CVE-2023-51701 CVE-2025-66415 CVE-2026-15631 CVE-2026-16117 CVE-2026-16158 CVE-2026-33805 CVE-2026-85124',
  ws: 'CVE-2024-37890 CVE-2026-45736 CVE-2026-48779'
}

const ID = /\b(?:S\d{1,2}|CVE-\d{4}-\d+|GHSA(?:-\w{4}){3})\b/g
const idsIn = (text: string): string[] => text.match(ID) ?? []

/** By file: the ids in the titles of its tests. */
const titled = new Map(readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts') && !path.startsWith('fixtures/')).map(path => {
  const titles = [...readFileSync(`test/${path}`, 'utf8').matchAll(/\.test\((['"`])((?:\\.|(?!\1)[^\\])*)\1/g)].map(([, , title]) => title!)
  return [`test/${path}`, new Set(titles.flatMap(title => /\(([^()]*)\)$/.exec(title)?.[1] ?? []).flatMap(idsIn))]
}))

const TEST = /`(test\/[^`]+)`/g
const text = readFileSync('docs/security.md', 'utf8')
const rows = [...text.matchAll(/^\| ((?:S|CVE-|GHSA-)[^|]*) \| (\S[^|]*) \| (\S[^|]*) \| (\S[^|]*) \|$/gm)].map(([, ids, , hit, here]) => ({
  ids: ids!.split(', '), hit: hit!, here: here!, tests: here!.replace(TEST, '').replaceAll(', ', '') === '' ? [...here!.matchAll(TEST)].map(([, path]) => path!) : []
}))

t.test('a known attack: it has a row in the table, and only one', async t => {
  const known = [...SEEN, ...Object.values(ADVISORIES).flatMap(idsIn)]
  t.strictSame(rows.flatMap(({ ids }) => ids).sort(), known.sort())
  t.equal(rows.length, text.match(/^\| (?:S\d|CVE|GHSA)/gm)?.length, 'every row could be read')
})

t.test('a row of the table: it names tests that carry all of its ids, or says why there is none', async t => {
  for (const { ids, here, tests } of rows) {
    if (tests.length === 0) t.match(here, /^.{15,}\.$/, `${ids} has a reason`)
    for (const path of tests) t.ok(ids.some(id => titled.get(path)?.has(id)), `${path} has a test of ${ids}`)
    if (tests.length > 0) for (const id of ids) t.ok(tests.some(path => titled.get(path)?.has(id)), `a test of ${id} is in ${tests}`)
  }
})

t.test('an id in a title: the table has it', async t => {
  const known = new Set(rows.flatMap(({ ids, hit }) => [...ids, ...idsIn(hit)]))
  for (const [path, ids] of titled) t.same([...ids].filter(id => !known.has(id)), [], path)
})

t.test('a flaw mended in a package that we ask for: the lowest version accepted has the fix', async t => {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, Record<string, string>>
  const ranges: Record<string, string> = { ...dependencies, ...peerDependencies }
  const number = (version: string) => version.split('.').reduce((sum, part) => sum * 1000 + Number(part), 0)
  const mended = rows.flatMap(({ ids, hit, here }) => [...`${hit} ${here}`.matchAll(/(?<= |^)(\S+) (?:before )?(\d+\.\d+\.\d+)/g)].map(([, name, version]) => ({ ids, name: name!, version: version! })))
  const ours = mended.filter(({ name }) => name in ranges)
  t.same([...new Set(ours.map(({ name }) => name))].sort(), ['@fastify/http-proxy', 'fastify', 'undici'])
  for (const { ids, name, version } of ours) {
    const lowest = /^\^(\d+\.\d+\.\d+)$/.exec(ranges[name]!)?.[1]
    t.ok(lowest !== undefined && number(lowest) >= number(version), `${ids}: ${name} ${version}, and we take ${ranges[name]}`)
  }
})

// Reasons of the table that say what is not used. The script of the status page runs in a browser, which has its own.
const UNUSED = /\b(?:fetch\(|subtle|webcrypto|privateDecrypt|resolveAny|BalancedPool|RetryAgent|interceptors|EventSource|WebSocketStream|[gs]etCookies?\b|FormData|Blob\b|url\.format|new WebSocket\b|node:(?:vm|zlib|sqlite|worker_threads)\b)/

t.test('what the table says is not used: no source file uses it', async t => {
  for (const path of readdirSync('lib', { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts') && !path.startsWith('status/page/'))) {
    const code = readFileSync(`lib/${path}`, 'utf8').replace(/\/\*[^]*?\*\/|^ *\/\/.*$/gm, '')
    t.equal(UNUSED.exec(code)?.[0], undefined, path)
  }
})
