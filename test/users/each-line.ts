import t from 'tap'
import { eachLine } from '../../lib/users/each-line.js'

t.test('lines with anything between them: keep their numbers', async t => {
  const lines: unknown[] = []
  eachLine('# comment\none\r\n\n two #\n#\nlast', (...line) => lines.push(line))
  t.strictSame(lines, [['one', 2], [' two #', 4], ['last', 6]])
})
