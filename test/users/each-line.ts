import t from 'tap'
import { eachLine } from '../../lib/users/each-line.js'

t.test('lines with anything between them: keep their numbers', async t => {
  const lines: unknown[] = []
  eachLine('# comment\none\r\n\n two #\n#\nlast', (...line) => lines.push(line))
  t.strictSame(lines, [['one', 2], [' two #', 4], ['last', 6]])
})

t.test('empty lines where they mean something: they come, and none behind the end of the last', async t => {
  for (const [text, expected] of [['one\n\r\n# x\n\ntwo\n', [['one', 1], ['', 2], ['', 4], ['two', 5]]], ['one\n\n', [['one', 1], ['', 2]]], ['', []]] as const) {
    const lines: unknown[] = []
    eachLine(text, (...line) => lines.push(line), true)
    t.strictSame(lines, expected)
  }
})
