import t from 'tap'
import { readOpenPage, readProvenIds, readRequirements, trace, withoutStaleRows, type OpenPage } from '../../scripts/trace.js'

const RULES = `# Rules
## 1. One
- **R-A-1** MUST. First. [R-A-9 is not a rule of its own]
- **R-A-2** MUST*. Second.
### More
- **R-407-1** Third.
## 2. Two
- **R-B-1** Fourth.
- **C-1** what a client does
`
const PAGE = `# Open
Not a row: R-A-9
## Open

### §1. One

| id | reason | what closes it |
| --- | --- | --- |
| R-A-1 | in work | issue 1 |

### §2. Two

| id | reason | what closes it |
| --- | --- | --- |
| R-B-1 | in work | issue 2 |
| R-B-2 | in work | issue 2 |

## Decided otherwise

| id | what was decided |
| --- | --- |
| R-A-2 | not so |
`

t.test('rules under headings: each is read with its section', async t => {
  t.strictSame(readRequirements(RULES), [
    { id: 'R-A-1', section: '1. One' }, { id: 'R-A-2', section: '1. One' },
    { id: 'R-407-1', section: '1. One' }, { id: 'R-B-1', section: '2. Two' }
  ])
})

t.test('the open page: both of its tables are read', async t => {
  t.strictSame(readOpenPage(PAGE), { open: ['R-A-1', 'R-B-1', 'R-B-2'], otherwise: ['R-A-2'] })
})

t.test('a page with stale rows: proven rows and emptied parts are taken out, and nothing decided otherwise', async t => {
  const fixed = withoutStaleRows(PAGE, new Set(['R-A-1', 'R-A-2', 'R-B-1']))
  t.strictSame(readOpenPage(fixed), { open: ['R-B-2'], otherwise: ['R-A-2'] })
  t.notMatch(fixed, '§1. One')
  t.match(fixed, '§2. Two')
  t.equal(withoutStaleRows(PAGE, new Set()), PAGE)
})

t.test('ids in the names of tests: they are found', async t => {
  const found = (source: string): string[] => readProvenIds(source).sort()
  t.strictSame(found("t.test('x (R-A-1, R-A-2)', async t => {})"), ['R-A-1', 'R-A-2'])
  t.strictSame(found('test(`x ${n} (R-A-1)`, async () => { t.test("inner R-A-2", body) })'), ['R-A-1', 'R-A-2']) // eslint-disable-line no-template-curly-in-string
  t.strictSame(found("t.test('long ' + 'name (R-A-1)', { timeout: 5 }, async t => {})"), ['R-A-1'])
  t.strictSame(found("t.test('x (R-A-1)', { skip: curl.skip }, async t => {})"), ['R-A-1'], 'the machine decides')
  t.strictSame(found("const rows = [{ label: 'x (R-A-1)', note: 'R-A-2' }]; for (const row of rows) t.test(row.label, body)"), ['R-A-1'])
  t.strictSame(found("for (const { name } of [{ name: 'x (R-A-1)' }]) t.test(name, body)"), ['R-A-1'])
})

t.test('ids anywhere else: they are not found', async t => {
  for (const source of [
    "// R-A-1\nt.test('x', async t => { t.ok(true, 'R-A-1') })",
    "const id = 'R-A-1'",
    "t.test('x (R-A-1)')",
    "t.test('x (R-A-1)', { skip: true }, async t => {})",
    "t.test('x (R-A-1)', { todo: 'later' }, async t => {})",
    "other('x (R-A-1)', async t => {})",
    "t.test('xR-A-1, r-a-1, R-A-', async t => {})"
  ]) t.strictSame(readProvenIds(source), [], source)
})

t.test('a rule: it is proven, open or decided otherwise, and in no two places', async t => {
  const rules = readRequirements(RULES)
  const page = (open: string[], otherwise: string[] = []) => ({ open, otherwise })
  const proven = (...ids: string[]) => new Map(ids.map((id) => [id, ['test/x.ts']]))
  const finding = (open: OpenPage, map: Map<string, string[]>, requirements = rules): string => trace(requirements, open, map).findings.join('\n')

  t.equal(finding(page(['R-A-1', 'R-B-1'], ['R-A-2']), proven('R-407-1', 'R-A-2')), '')
  t.match(finding(page(['R-A-1', 'R-B-1']), proven('R-407-1')), /^R-A-2 has neither.*$/)
  t.match(finding(page(['R-A-1', 'R-B-1', 'R-A-2']), proven('R-407-1', 'R-Z-1')), /^R-Z-1 is unknown; .*test\/x\.ts$/)
  t.match(finding(page(['R-A-1', 'R-B-1', 'R-A-2', 'R-Z-1']), proven('R-407-1')), /^R-Z-1 is unknown; docs.*$/)
  t.match(finding(page(['R-A-1', 'R-B-1', 'R-A-2'], ['R-A-2']), proven('R-407-1')), /^R-A-2 has two lines.*$/)
  t.match(finding(page(['R-A-1', 'R-B-1', 'R-A-2']), proven('R-407-1', 'R-A-1')), /^R-A-1 is proven in test\/x\.ts.*$/)
  t.match(finding(page(['R-A-1', 'R-B-1', 'R-A-2']), proven('R-407-1'), [...rules, { id: 'R-B-1', section: '2. Two' }]), /^R-B-1 occurs twice.*$/)
})

t.test('rules in several sections: they are counted by section', async t => {
  const { sections } = trace(readRequirements(RULES), { open: ['R-A-1'], otherwise: ['R-A-2'] }, new Map([['R-407-1', ['a.ts']]]))
  t.strictSame(sections, [
    { section: '1. One', proven: 1, open: 1, otherwise: 1 },
    { section: '2. Two', proven: 0, open: 1, otherwise: 0 }
  ])
})
