import t from 'tap'
import { ZoneClock, isWithin } from '../../../lib/policy/rules/hours.js'
import type { Hours } from '../../../lib/policy/rules/hours.js'

const EVERY = [0, 1, 2, 3, 4, 5, 6]
const at = (text: string): number => Date.parse(text)
const time = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

function hours (zone: string, from: string, until: string, days = EVERY): Hours {
  return { zone: new ZoneClock(zone), days: new Set(days), from: time(from), until: time(until) }
}

t.test('a clock of a zone: it shows what clocks there show, however far it is from UTC', async t => {
  for (const [zone, instant, day, shown] of [
    ['UTC', '2026-10-18T23:59:59.999Z', 0, '23:59'],
    ['UTC', '2026-10-19T00:00:00Z', 1, '00:00'],
    ['Europe/Berlin', '2026-07-01T10:00:00Z', 3, '12:00'],
    ['Europe/Berlin', '2026-12-31T23:30:00Z', 5, '00:30'],
    ['America/Los_Angeles', '2026-01-01T07:59:00Z', 3, '23:59'],
    ['Asia/Kathmandu', '2026-06-06T18:15:00Z', 0, '00:00'],
    ['Australia/Lord_Howe', '2026-01-15T12:00:00Z', 4, '23:00'],
    ['Australia/Lord_Howe', '2026-07-15T12:00:00Z', 3, '22:30'],
    ['Pacific/Kiritimati', '2026-06-06T10:00:00Z', 0, '00:00'],
    ['Pacific/Apia', '2011-12-30T09:59:00Z', 4, '23:59'],
    ['Pacific/Apia', '2011-12-30T10:00:00Z', 6, '00:00']
  ] as const) {
    const clock = new ZoneClock(zone)
    t.strictSame(clock.at(at(instant)), { day, minute: time(shown) }, `${zone} ${instant}`)
    t.equal(clock.at(at(instant)), clock.at(at(instant)), 'a minute is looked at once')
  }
})

t.test('a zone that there is not: there is no clock of it', async t => {
  for (const zone of ['Europe/Berlyn', 'CEST', 'x', '']) t.throws(() => new ZoneClock(zone), RangeError, zone)
})

t.test('hours within a day: they begin at `from` and end before `until`, on their days', async t => {
  const office = hours('Europe/Berlin', '09:00', '17:30', [1, 2, 3, 4, 5])
  for (const [instant, holds] of [
    ['2026-10-19T06:59:59.999Z', false], ['2026-10-19T07:00:00Z', true], ['2026-10-19T15:29:59.999Z', true], ['2026-10-19T15:30:00Z', false],
    ['2026-10-23T10:00:00Z', true], ['2026-10-24T10:00:00Z', false], ['2026-10-25T10:00:00Z', false]
  ] as const) t.equal(isWithin(office, at(instant)), holds, instant)
  const day = hours('UTC', '00:00', '24:00', [6])
  t.equal(isWithin(day, at('2026-10-23T23:59:59Z')), false)
  t.equal(isWithin(day, at('2026-10-24T00:00:00Z')), true)
  t.equal(isWithin(day, at('2026-10-24T23:59:59Z')), true)
  t.equal(isWithin(day, at('2026-10-25T00:00:00Z')), false)
})

t.test('hours across midnight: the day is that on which they begin', async t => {
  const night = hours('Europe/Berlin', '22:00', '06:00', [5, 0])
  for (const [instant, holds] of [
    ['2026-10-23T19:59:00Z', false], ['2026-10-23T20:00:00Z', true], ['2026-10-24T03:59:00Z', true], ['2026-10-24T04:00:00Z', false],
    ['2026-10-24T20:30:00Z', false], ['2026-10-25T02:00:00Z', false], ['2026-10-25T21:30:00Z', true], ['2026-10-26T04:59:00Z', true], ['2026-10-26T05:00:00Z', false]
  ] as const) t.equal(isWithin(night, at(instant)), holds, instant)
})

t.test('a time that is left out in spring: hours that begin with it begin behind the gap', async t => {
  const within = (from: string, until: string) => (instant: string) => isWithin(hours('Europe/Berlin', from, until), at(instant))
  const late = within('02:30', '04:00') // on 29 March 2026 there is no 02:30
  t.equal(late('2026-03-29T00:59:00Z'), false, '01:59')
  t.equal(late('2026-03-29T01:00:00Z'), true, '03:00')
  t.equal(late('2026-03-29T02:00:00Z'), false, '04:00')
  const inside = within('02:10', '02:50')
  for (let minute = 0; minute < 180; minute++) {
    t.equal(isWithin(hours('Europe/Berlin', '02:10', '02:50'), at('2026-03-29T00:00:00Z') + minute * 60_000), false)
  }
  t.equal(inside('2026-03-30T00:10:00Z'), true, 'a day later it comes')
  const half = hours('Australia/Lord_Howe', '02:00', '02:30') // from 02:00 to 02:30 there, on 4 October 2026
  t.equal(isWithin(half, at('2026-10-03T15:29:00Z')), false, '01:59')
  t.equal(isWithin(half, at('2026-10-03T15:30:00Z')), false, '02:30')
})

t.test('a time that comes twice in autumn: hours hold it both times', async t => {
  const twice = hours('Europe/Berlin', '02:10', '02:50') // on 25 October 2026
  for (const [instant, holds] of [
    ['2026-10-25T00:09:00Z', false], ['2026-10-25T00:10:00Z', true], ['2026-10-25T00:50:00Z', false],
    ['2026-10-25T01:09:00Z', false], ['2026-10-25T01:10:00Z', true], ['2026-10-25T01:49:59Z', true], ['2026-10-25T01:50:00Z', false]
  ] as const) t.equal(isWithin(twice, at(instant)), holds, instant)
})
