/**
 * Calls `take` with each line of a file of accounts, and its number; not with empty lines and
 * comments.
 */
export function eachLine (text: string, take: (line: string, number: number) => void): void {
  text.split('\n').forEach((ended, index) => {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
    if (line !== '' && !line.startsWith('#')) take(line, index + 1)
  })
}
