import t from 'tap'
import { Periods } from '../../../lib/policy/limits/period.js'

const at = (text: string) => Date.parse(text)
const shown = (per: 'day' | 'week' | 'month', zone: string, instant: string) => {
  const { id, begins, ends } = new Periods(per, zone).at(at(instant))
  return `${id} ${new Date(begins).toISOString().replace(':00.000', '')} ${new Date(ends).toISOString().replace(':00.000', '')}`
}

t.test('an instant: it is in the day, week and month that clocks of the zone show', async t => {
  for (const [per, zone, instant, expected] of [
    ['day', 'UTC', '2026-11-30T09:30:00Z', '2026-11-30 2026-11-30T00:00Z 2026-12-01T00:00Z'],
    ['day', 'UTC', '2026-11-30T00:00:00Z', '2026-11-30 2026-11-30T00:00Z 2026-12-01T00:00Z'],
    ['day', 'UTC', '2026-11-29T23:59:59.999Z', '2026-11-29 2026-11-29T00:00Z 2026-11-30T00:00Z'],
    ['day', 'Europe/Berlin', '2026-11-30T23:30:00Z', '2026-12-01 2026-11-30T23:00Z 2026-12-01T23:00Z'],
    ['day', 'Asia/Kathmandu', '2026-11-30T18:14:00Z', '2026-11-30 2026-11-29T18:15Z 2026-11-30T18:15Z'],
    ['day', 'Asia/Kolkata', '2026-11-30T18:30:00Z', '2026-12-01 2026-11-30T18:30Z 2026-12-01T18:30Z'],
    ['day', 'Pacific/Kiritimati', '2026-11-30T10:00:00Z', '2026-12-01 2026-11-30T10:00Z 2026-12-01T10:00Z'],
    ['day', 'Etc/GMT+12', '2026-11-30T11:00:00Z', '2026-11-29 2026-11-29T12:00Z 2026-11-30T12:00Z'],
    ['week', 'UTC', '2026-11-30T00:00:00Z', '2026-W49 2026-11-30T00:00Z 2026-12-07T00:00Z'],
    ['week', 'UTC', '2026-11-29T23:59:59Z', '2026-W48 2026-11-23T00:00Z 2026-11-30T00:00Z'],
    ['week', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-W43 2026-10-18T22:00Z 2026-10-25T23:00Z'],
    ['week', 'UTC', '2027-01-03T12:00:00Z', '2026-W53 2026-12-28T00:00Z 2027-01-04T00:00Z'],
    ['week', 'UTC', '2025-12-29T00:00:00Z', '2026-W01 2025-12-29T00:00Z 2026-01-05T00:00Z'],
    ['week', 'UTC', '1969-12-31T00:00:00Z', '1970-W01 1969-12-29T00:00Z 1970-01-05T00:00Z'],
    ['week', 'UTC', '1969-12-28T00:00:00Z', '1969-W52 1969-12-22T00:00Z 1969-12-29T00:00Z'],
    ['month', 'UTC', '2026-11-30T09:30:00Z', '2026-11 2026-11-01T00:00Z 2026-12-01T00:00Z'],
    ['month', 'America/New_York', '2027-01-01T04:59:00Z', '2026-12 2026-12-01T05:00Z 2027-01-01T05:00Z'],
    ['month', 'UTC', '2028-02-29T12:00:00Z', '2028-02 2028-02-01T00:00Z 2028-03-01T00:00Z']
  ] as const) t.equal(shown(per, zone, instant), expected, `${per} ${zone} ${instant}`)
})

t.test('a day whose offset changes: it has 23 or 25 hours, or begins later, or is not there', async t => {
  for (const [zone, instant, expected] of [
    ['Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29 2026-03-28T23:00Z 2026-03-29T22:00Z'], // 23 hours
    ['Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25 2026-10-24T22:00Z 2026-10-25T23:00Z'], // 25 hours, in the first 02:30
    ['Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25 2026-10-24T22:00Z 2026-10-25T23:00Z'], // in the second
    ['Australia/Lord_Howe', '2026-04-05T12:00:00Z', '2026-04-05 2026-04-04T13:00Z 2026-04-05T13:30Z'], // half an hour more
    ['America/Sao_Paulo', '2018-11-04T12:00:00Z', '2018-11-04 2018-11-04T03:00Z 2018-11-05T02:00Z'], // it begins at 01:00
    ['America/Sao_Paulo', '2018-11-04T02:59:00Z', '2018-11-03 2018-11-03T03:00Z 2018-11-04T03:00Z'],
    ['Africa/Cairo', '2026-04-24T12:00:00Z', '2026-04-24 2026-04-23T22:00Z 2026-04-24T21:00Z'], // likewise
    ['Africa/Cairo', '2026-10-29T20:30:00Z', '2026-10-29 2026-10-28T21:00Z 2026-10-29T22:00Z'], // 23:30 comes twice
    ['Africa/Cairo', '2026-10-29T21:30:00Z', '2026-10-29 2026-10-28T21:00Z 2026-10-29T22:00Z'],
    ['America/St_Johns', '2010-11-07T02:30:30Z', '2010-11-07 2010-11-07T02:30Z 2010-11-08T03:30Z'], // 00:00 to 00:01, and back
    ['America/St_Johns', '2010-11-07T03:00:00Z', '2010-11-07 2010-11-07T02:30Z 2010-11-08T03:30Z'], // 23:30 of the day before once more
    ['Pacific/Apia', '2011-12-30T09:59:00Z', '2011-12-29 2011-12-29T10:00Z 2011-12-30T10:00Z'], // there was no 30
    ['Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-31 2011-12-30T10:00Z 2011-12-31T10:00Z'],
    ['Pacific/Kiritimati', '1975-06-01T12:00:00Z', '1975-06-01 1975-06-01T10:40Z 1975-06-02T10:40Z'], // -10:40
    ['Africa/Monrovia', '1970-06-01T12:00:00Z', '1970-06-01 1970-06-01T00:45Z 1970-06-02T00:45Z'] // -00:44:30, to the minute
  ] as const) t.equal(shown('day', zone, instant), expected, `${zone} ${instant}`)
})

t.test('the periods of months, in zones with every kind of change: one follows the other without a gap, and none comes twice', async t => {
  const zones = ['Europe/Berlin', 'America/Sao_Paulo', 'America/St_Johns', 'Pacific/Apia', 'Africa/Cairo', 'Australia/Lord_Howe']
  for (const zone of zones) {
    for (const per of ['day', 'week', 'month'] as const) {
      const periods = new Periods(per, zone)
      const seen = new Set<string>()
      let period = periods.at(at('2011-09-20T00:00:00Z'))
      while (period.ends < at('2012-01-15T00:00:00Z')) {
        seen.add(period.id)
        const next = periods.at(period.ends)
        if (next.begins !== period.ends || seen.has(next.id)) t.fail(`${zone}: ${period.id} and ${next.id}`)
        const last = new Periods(per, zone).at(next.ends - 1)
        if (last.id !== next.id || last.begins !== next.begins) t.fail(`${zone}: the end of ${next.id} is in ${last.id}`)
        period = next
      }
    }
  }
})

t.test('a clock that goes forth and back: each instant is in its own period', async t => {
  const periods = new Periods('day', 'UTC')
  for (const [instant, id] of [['2026-11-30T12:00:00Z', '2026-11-30'], ['2030-01-01T00:00:00Z', '2030-01-01'], ['2026-11-30T13:00:00Z', '2026-11-30'], ['1999-01-01T00:00:00Z', '1999-01-01']] as const) {
    t.equal(periods.at(at(instant)).id, id)
  }
  const first = periods.at(at('2026-11-30T12:00:00Z'))
  t.equal(periods.at(at('2026-11-30T23:59:59Z')), first, 'it is not looked for again')
})

t.test('a zone that there is not: it is a RangeError', async t => {
  t.throws(() => new Periods('day', 'Mars/Phobos'), RangeError)
})
