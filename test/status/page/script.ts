import { Script } from 'node:vm'
import t from 'tap'
import { SCRIPT } from '../../../lib/status/page/script.js'

t.test('the script: it is one, and cannot end the element that it is in', async t => {
  t.doesNotThrow(() => new Script(SCRIPT))
  t.notMatch(SCRIPT, /<\/script|<!--/i)
})

t.test('the script: what comes from elsewhere is text to it, whatever it holds', async t => {
  t.notMatch(SCRIPT, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|\.src\b|\.href\b|location\s*=/)
})

t.test('the script: it changes nothing at the gateway', async t => {
  t.notMatch(SCRIPT, /\bfetch\b|XMLHttpRequest|sendBeacon|WebSocket\(|\.submit\(/)
  t.strictSame(SCRIPT.match(/new EventSource/g)?.length, 1)
})
