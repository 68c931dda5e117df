import t from 'tap'
import { FORMS, LISTENERS } from '../../../scripts/clients/exchange.js'
import type { Cell, Listener, Reason, Scheme } from '../../../scripts/clients/exchange.js'
import type { Line } from '../../../scripts/clients/judge.js'
import { page } from '../../../scripts/clients/page.js'

const account = { username: 'alice', password: 'alice-secret' }
const [basic, digest] = ['Basic', 'Digest'].map((name): Scheme => ({ name, token: name, env: {}, right: account, wrong: account })) as [Scheme, Scheme]
const NO_TLS: Reason = { id: 'no TLS', text: 'It speaks no TLS.', source: 'seen' }
const NO_DIGEST: Reason = { id: 'no Digest', text: 'It knows no Digest.', source: 'read' }

/** The lines of a client in some cells, which works where no reason is given. */
function lines (cells: readonly Cell[], why: (cell: Cell) => Reason | undefined, http2: (cell: Cell) => boolean = () => false): Line[] {
  return cells.map(cell => {
    const reason = why(cell)
    return { cell, http2: http2(cell), says: '', ...reason === undefined ? { verdict: 'passed' } : { verdict: 'not supported', reason } }
  })
}

const cells = FORMS.flatMap(form => [basic, digest].flatMap(scheme => LISTENERS.map((listener): Cell => ({ scheme, form, listener }))))
const hasTls = (listener: Listener): boolean => listener !== 'plain'
const clients = [
  { name: 'able', lines: lines(cells, () => undefined, ({ scheme, listener }) => scheme === basic && listener === 'h2') },
  {
    name: 'old',
    lines: lines(cells.filter(({ form }) => form !== 'origin-form'), ({ scheme, listener }) => hasTls(listener) ? NO_TLS : scheme === digest ? NO_DIGEST : undefined)
  },
  { name: 'single', lines: lines(cells.filter(({ scheme }) => scheme === digest), () => undefined) }
]
const written = page(clients, [basic, digest], ['Opera: not installed'])
const rows = written.split('\n').filter(line => line.startsWith('|'))

t.test('a cell of three listeners: one sign says over how many the client works', async t => {
  const [absolute, connect] = [rows.filter(row => row.startsWith('| able | ✓')), rows.filter(row => row.startsWith('| old | ◐'))]
  t.strictSame(absolute, Array(3).fill('| able | ✓ | ✓ |'))
  t.strictSame(connect, Array(2).fill('| old | ◐ | ✗ |'))
  t.equal(rows.filter(row => row === '| single | – | ✓ |').length, 3, 'it is not run with Basic')
})

t.test('a client without a request form: it has no row there and is named below the table', async t => {
  t.match(written, /\n\nNot tried, .*: old\.\n/)
})

t.test('what does not work: each reason in as few rows as hold it', async t => {
  t.strictSame(rows.filter(row => row.startsWith('| old') && /no (?:TLS|Digest) \|$/.test(row)), [
    '| old | absolute-form, CONNECT | all | TLS, HTTP/2 | no TLS |',
    '| old | absolute-form, CONNECT | Digest | plain | no Digest |'
  ])
  t.strictSame(rows.filter(row => /^\| no /.test(row)), ['| no Digest | It knows no Digest. | read |', '| no TLS | It speaks no TLS. | seen |'])
})

t.test('a client that has spoken HTTP/2: the page says with what', async t => {
  t.ok(rows.includes('| able | all | Basic |'))
})

t.test('a page of the same lines in another order: has the same text, and names what was left out', async t => {
  const byScheme = ({ cell: a }: Line, { cell: b }: Line): number => a.scheme.name < b.scheme.name ? -1 : a.scheme.name > b.scheme.name ? 1 : 0
  t.equal(page(clients.map(({ name, lines }) => ({ name, lines: lines.toSorted(byScheme) })), [basic, digest], ['Opera: not installed']), written)
  t.match(written, 'Opera: not installed')
})
