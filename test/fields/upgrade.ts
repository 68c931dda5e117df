import t from 'tap'
import { acceptedProtocols, upgradeProtocols } from '../../lib/fields/upgrade.js'

const rows: Array<[value: string | undefined, protocols: string[]]> = [
  [undefined, []],
  ['', []],
  ['websocket', ['websocket']],
  ['WebSocket , chat/1.0,\tIRC/6.9', ['WebSocket', 'chat/1.0', 'IRC/6.9']],
  ['h2c, websocket, H2, HTTP/2.0, http, h2c/1', ['websocket']],
  ['h2cx, h3', ['h2cx', 'h3']],
  [', ,a,', ['a']],
  ['a b, c/, /d, e/f/g, "h", i', ['i']],
  ['a,'.repeat(200), new Array(128).fill('a')]
]

for (const [value, protocols] of rows) {
  t.test(`offered: ${value?.slice(0, 40)}`, async t => { t.strictSame(upgradeProtocols(value), protocols) })
}

const answers: Array<[value: string | undefined, offered: string[], accepted: string[]]> = [
  ['websocket', ['WebSocket'], ['websocket']],
  ['b, a', ['a', 'b', 'c'], ['b', 'a']],
  ['a, d', ['a', 'b'], []],
  ['a/2', ['a/1'], []],
  ['h2c', ['h2c'], []],
  [undefined, ['a'], []],
  ['a', [], []]
]

for (const [value, offered, accepted] of answers) {
  t.test(`${value} to an offer of ${offered.join()} (R-UPG-3)`, async t => { t.strictSame(acceptedProtocols(value, offered), accepted) })
}
