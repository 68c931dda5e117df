import type { Milliseconds } from '../../types.js'

/** How long a quota is for: a day, a week from Monday, or a month. */
export type QuotaPeriod = 'day' | 'week' | 'month'

/** One such day, week or month. */
export interface Period {
  /** `2026-11-30`, `2026-W49` or `2026-11`. */
  readonly id: string
  /** When it begins; the time before belongs to another. */
  readonly begins: Milliseconds
  /** When the next one begins. */
  readonly ends: Milliseconds
}

/** A day of the calendar, counted from 1970-01-01, wherever that is. */
type CalendarDay = number

const DAY: Milliseconds = 24 * 60 * 60 * 1000
const QUARTER: Milliseconds = 15 * 60 * 1000
const MINUTE: Milliseconds = 60_000
/** The furthest that clocks are ahead of UTC, with an hour to spare. */
const AHEAD: Milliseconds = 15 * 60 * 60 * 1000

/**
 * Tells days, weeks and months of a time zone apart.
 *
 * A day begins when clocks on the wall first show its date, or a later one. So it has 23 or 25
 * hours where the offset changes, begins at 01:00 where that leaves midnight out, and is not there
 * at all where the zone has skipped it. Node's own `Intl` knows the zones, and to go from an
 * instant to what clocks show is all that is asked of it: that is never two things.
 */
export class Periods {
  private readonly format: Intl.DateTimeFormat
  private latest: Period = { id: '', begins: 0, ends: 0 }

  /** @throws {RangeError} There is no such zone. */
  constructor (readonly per: QuotaPeriod, readonly zone: string) {
    this.format = new Intl.DateTimeFormat('en-US', { timeZone: zone, calendar: 'gregory', year: 'numeric', month: 'numeric', day: 'numeric' })
  }

  /** The one that an instant belongs to. The clock may have gone either way since the last call. */
  at (now: Milliseconds): Period {
    if (now < this.latest.begins || now >= this.latest.ends) this.latest = this.find(now)
    return this.latest
  }

  private find (now: Milliseconds): Period {
    let first = this.firstDay(this.dayAt(now))
    let begins = this.beginOf(first)
    let ends = this.beginOf(this.next(first))
    // A clock that goes back over midnight shows a date once more that was over.
    while (ends <= now) {
      first = this.next(first)
      begins = ends
      ends = this.beginOf(this.next(first))
    }
    return { id: this.nameOf(first), begins, ends }
  }

  /** What date clocks show. */
  private dayAt (now: Milliseconds): CalendarDay {
    const [month, day, year] = this.format.format(now).split('/').map(Number)
    return Date.UTC(year!, month! - 1, day) / DAY
  }

  /** When clocks first show this date, or a later one. */
  private beginOf (day: CalendarDay): Milliseconds {
    let at = day * DAY - AHEAD
    // All offsets of our time are whole quarters of an hour. Others are for a clock that is wrong.
    while (this.dayAt(at) < day) at += QUARTER
    while (this.dayAt(at - MINUTE) >= day) at -= MINUTE
    return at
  }

  private firstDay (day: CalendarDay): CalendarDay {
    if (this.per === 'day') return day
    if (this.per === 'week') return day - weekday(day)
    const date = new Date(day * DAY)
    return date.setUTCDate(1) / DAY
  }

  private next (first: CalendarDay): CalendarDay {
    if (this.per === 'day') return first + 1
    if (this.per === 'week') return first + 7
    const date = new Date(first * DAY)
    return date.setUTCMonth(date.getUTCMonth() + 1) / DAY
  }

  private nameOf (first: CalendarDay): string {
    const date = new Date(first * DAY).toISOString().slice(0, 10)
    if (this.per === 'day') return date
    if (this.per === 'month') return date.slice(0, 7)
    // The year of a week is that of its Thursday (ISO 8601).
    const year = new Date((first + 3) * DAY).getUTCFullYear()
    const begun = (first + 3 - Date.UTC(year, 0) / DAY) / 7
    return `${year}-W${String(Math.floor(begun) + 1).padStart(2, '0')}`
  }
}

/** From Monday, 0. The first day of 1970 was a Thursday. */
function weekday (day: CalendarDay): number {
  return ((day + 3) % 7 + 7) % 7
}
