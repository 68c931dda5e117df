import type { Random } from './random.js'

/** Changes some octets. */
export function mutate (random: Random, text: string): string {
  const at = random.integer(text.length + 1)
  const length = random.integer(random.once(3) ? text.length + 1 - at : Math.min(8, text.length + 1 - at))
  return random.weighted<() => string>(
    [2, () => text.slice(0, at) + text.slice(at + length)],
  [2, () => text.slice(0, at) + text.slice(at, at + length) + text.slice(at)],
  [3, () => text.slice(0, at) + random.one(['\r', '\n', '\r\n', '\0', ' ', '\t', ':', ',', '"', '\x7f', '\xff', '/', '?', '#', '@', '\r\n\r\n', '\r\n ', '%', '..']) + text.slice(at + length)],
  [2, () => text.slice(0, at) + String.fromCharCode(random.integer(256)) + text.slice(at + 1)],
  [1, () => {
    const lines = text.split('\r\n')
    const line = random.one(lines)
    lines.splice(random.integer(lines.length), random.integer(2), line)
    return lines.join('\r\n')
  }],
  [1, () => text.replace(/\r\n/, '\n')],
  [1, () => text.replaceAll('\r\n', '\n')]
  )()
}
