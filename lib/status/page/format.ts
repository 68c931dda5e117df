/** The part of the page's script that writes values as text. */
export const FORMAT = String.raw`
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

// Three digits and a unit, a thousand of which make the next.
function octets (count) {
  let unit = 0
  while (count >= 999.5 && unit < UNITS.length - 1) {
    count /= 1000
    unit += 1
  }
  const digits = unit === 0 || count >= 99.95 ? 0 : count >= 9.995 ? 1 : 2
  return count.toFixed(digits) + '\u00a0' + UNITS[unit]
}

function rate (count) {
  return octets(count) + '/s'
}

function span (ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (minutes === 0) return seconds + '\u00a0s'
  if (hours === 0) return minutes + '\u00a0min ' + seconds % 60 + '\u00a0s'
  if (hours < 48) return hours + '\u00a0h ' + minutes % 60 + '\u00a0min'
  return Math.floor(hours / 24) + '\u00a0d ' + hours % 24 + '\u00a0h'
}

// The time of the day where the page is read.
function clock (at) {
  return new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
}

function moment (at) {
  return new Date(at).toLocaleString(undefined, { weekday: 'short', hour: '2-digit', minute: '2-digit' })
}

// Chars that are not seen, or that turn the direction of others, as their codes.
function shown (text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => '\\u{' + char.codePointAt(0).toString(16) + '}')
}

function counted (count, one, many) {
  return count + ' ' + (count === 1 ? one : many)
}
`
