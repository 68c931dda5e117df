import t from 'tap'
import { STYLE } from '../../../lib/status/page/style.js'

/** The colours of one of the two schemes. */
function colours (block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--(\w+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]))
}

function luminance (colour: string): number {
  const [red, green, blue] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16) / 255).map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

function contrast (one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light! + 0.05) / (dark! + 0.05)
}

const [light, dark] = STYLE.split('@media (prefers-color-scheme: dark)').map(colours)

for (const [scheme, of] of Object.entries({ light: light!, dark: dark! })) {
  t.test(`colours of text, ${scheme}: each has a contrast of 4.5 at least with what is behind it`, async t => {
    for (const ink of ['ink', 'dim', 'in', 'out', 'good', 'bad', 'warn']) {
      for (const behind of ['ground', 'panel', 'hover']) t.ok(contrast(of[ink]!, of[behind]!) >= 4.5, `${ink} on ${behind}: ${contrast(of[ink]!, of[behind]!).toFixed(2)}`)
    }
  })
}

t.test('the style: it cannot end the element that it is in, and asks for nothing', async t => {
  t.notMatch(STYLE, /<\/style|<!--|url\(|@import/i)
})

t.test('movement: there is none where it is not wanted', async t => {
  const [without, within] = STYLE.split('@media (prefers-reduced-motion: no-preference)')
  t.notMatch(without, /transition|animation/)
  t.match(within, /transition/)
})
