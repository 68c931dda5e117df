/** Of `x-amz-date`: ISO 8601 without its punctuation, in UTC. */
const BASIC_FORM = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

/**
 * Reads the time of a signature: `x-amz-date` (`20150830T123600Z`), or `date` in the form that HTTP
 * prefers.
 *
 * @returns In ms since the epoch; `undefined` when it is in no such form, or no such day exists.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 RFC 9110, 5.6.7}
 * @example
 * readSigningTime('20150830T123600Z') // Date.UTC(2015, 7, 30, 12, 36)
 */
export function readSigningTime (text: string): number | undefined {
  const basic = BASIC_FORM.exec(text)
  if (basic === null) {
    const time = Date.parse(text)
    // Date.parse takes much more than IMF-fixdate, and not the same in every engine.
    return !Number.isNaN(time) && new Date(time).toUTCString() === text ? time : undefined
  }
  const [, year, month, day, hour, minute, second] = basic
  const time = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  return formatSigningTime(time) === text ? time : undefined
}

/**
 * Writes a time, in ms since the epoch, as a signature has it.
 *
 * @example
 * formatSigningTime(Date.UTC(2015, 7, 30, 12, 36)) // '20150830T123600Z'
 */
export function formatSigningTime (time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
}
