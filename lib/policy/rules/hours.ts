import type { Milliseconds } from '../../types.js'

/** When a rule holds. Days count from Sunday, 0, and times in minutes from midnight. */
export interface Hours {
  readonly zone: ZoneClock
  readonly days: ReadonlySet<number>
  /** 0 to 1439. */
  readonly from: number
  /** 1 to 1440. Before `from`: on the next day. */
  readonly until: number
}

/** What a clock on the wall shows. */
export interface WallTime {
  /** 0 to 6, from Sunday. */
  readonly day: number
  /** Since midnight. */
  readonly minute: number
}

const MINUTE: Milliseconds = 60_000
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/**
 * The clock on the wall of a time zone. Node's own `Intl` knows the zones of the IANA database, and
 * to go from an instant to what clocks show is all that is needed here: there is no time that does
 * not exist, or that is two, in this direction.
 */
export class ZoneClock {
  private readonly format: Intl.DateTimeFormat
  private latest = NaN
  private shown: WallTime = { day: 0, minute: 0 }

  /** @throws {RangeError} There is no such zone. */
  constructor (readonly name: string) {
    this.format = new Intl.DateTimeFormat('en-US', { timeZone: name, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  }

  /** What it shows. All offsets are whole minutes, so a minute is looked at once. */
  at (now: Milliseconds): WallTime {
    const minute = Math.floor(now / MINUTE)
    if (minute !== this.latest) {
      const parts = Object.fromEntries(this.format.formatToParts(minute * MINUTE)
        .map(({ type, value }) => [type, value]))
      this.shown = { day: DAYS.indexOf(parts['weekday']!), minute: Number(parts['hour']) * 60 + Number(parts['minute']) }
      this.latest = minute
    }
    return this.shown
  }
}

/**
 * Whether clocks show a time within the hours.
 *
 * It goes by what they show and by nothing else. A time that is left out in spring does not come:
 * hours from 02:30 begin at 03:00 on that day. A time that comes twice in autumn is within the
 * hours twice.
 */
export function isWithin ({ zone, days, from, until }: Hours, now: Milliseconds): boolean {
  const { day, minute } = zone.at(now)
  if (from < until) return minute >= from && minute < until && days.has(day)
  return minute >= from ? days.has(day) : minute < until && days.has((day + 6) % 7)
}
