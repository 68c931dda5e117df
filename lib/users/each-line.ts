/**
 * Calls `take` with each line of a file of accounts, and its number; not with comments.
 *
 * @param withEmpty - Whether to call it with empty lines, where they mean something. Default false.
 */
export function eachLine (text: string, take: (line: string, number: number) => void, withEmpty = false): void {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop() // behind the end of the last line there is none
  lines.forEach((ended, index) => {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
    if ((line !== '' || withEmpty) && !line.startsWith('#')) take(line, index + 1)
  })
}
