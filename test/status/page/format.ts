import t from 'tap'
import { FORMAT } from '../../../lib/status/page/format.js'
import { evaluated } from '../../fixtures/page-script.js'

const written = (expression: string) => evaluated<string>([FORMAT], expression).replaceAll('\u00a0', ' ')

t.test('octets: they have three digits and a unit', async t => {
  const rows = [[0, '0 B'], [999, '999 B'], [1000, '1.00 kB'], [1234, '1.23 kB'], [12_345, '12.3 kB'], [123_456, '123 kB'], [999_499, '999 kB'], [999_500, '1.00 MB'], [1_500_000_000, '1.50 GB'], [2 ** 53, '9.01 PB']] as const
  for (const [count, text] of rows) t.equal(written(`octets(${count})`), text)
  t.equal(written('rate(2048)'), '2.05 kB/s')
})

t.test('a span of time: it has its two largest units', async t => {
  const rows = [[-5, '0 s'], [59_999, '59 s'], [60_000, '1 min 0 s'], [3_599_000, '59 min 59 s'], [3_600_000, '1 h 0 min'], [172_799_000, '47 h 59 min'], [180_000_000, '2 d 2 h']] as const
  for (const [ms, text] of rows) t.equal(written(`span(${ms})`), text)
})

t.test('chars that are not seen or turn the direction of others: they are shown as codes', async t => {
  t.equal(written(String.raw`shown('a\u0000b\u202ec\nd\u200b')`), String.raw`a\u{0}b\u{202e}c\u{a}d\u{200b}`)
  t.equal(written("shown('Zoë <b>😀</b> Ω')"), 'Zoë <b>😀</b> Ω')
})

t.test('a count: its word is of one or of many', async t => {
  t.equal(written("counted(1, 'tunnel', 'tunnels')"), '1 tunnel')
  t.equal(written("counted(0, 'tunnel', 'tunnels')"), '0 tunnels')
})

t.test('times: they are those of the reader', async t => {
  t.match(written("clock('2026-11-30T10:00:05.000Z')"), /\d{2}:05/)
  t.match(written("moment('2026-11-30T10:00:05.000Z')"), /\d{2}/)
})
