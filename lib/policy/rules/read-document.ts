import { BadOption } from '../../errors.js'
import { badOption, checkObject, readList, readWord } from '../../check-option.js'
import { nearest } from '../../nearest.js'
import { parsePattern } from '../target/pattern.js'
import type { Pattern } from '../target/pattern.js'
import { PatternList } from '../target/pattern-list.js'
import type { PolicyAction, PolicyDay, PolicyDocument, PolicyForm, PolicyRule } from './document.js'
import { ZoneClock } from './hours.js'
import type { Hours } from './hours.js'
import { readPrefix } from './path.js'
import type { PathPrefix } from './path.js'
import { canonicalRoute } from './request.js'
import type { Patterns, Rule } from './rule.js'

/** A document as read. */
export interface ReadDocument {
  readonly rules: readonly Rule[]
  readonly allowsByDefault: boolean
  readonly reportsOnly: boolean
}

const DOCUMENT = new Set(['rules', 'default', 'report'])
/** What a rule may have. */
export const RULE_MEMBERS: ReadonlyArray<keyof PolicyRule> = [
  'name', 'users', 'groups', 'schemes', 'anonymous', 'clients', 'to', 'except', 'routes', 'methods', 'forms', 'paths', 'days', 'from', 'until', 'zone',
  'special', 'action', 'reason'
]
const RULE: ReadonlySet<string> = new Set(RULE_MEMBERS)
const ACTIONS: readonly PolicyAction[] = ['allow', 'deny', 'report']
const FORMS: readonly PolicyForm[] = ['connect', 'http', 'https', 'websocket', 'reverse']
/** From Sunday, as {@link Hours} counts them. */
const DAYS: readonly PolicyDay[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const METHOD = /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]*$/
const SCHEME = /^[\w!#$%&'*+.^`|~-]+$/
const REASON = /^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/
const NAME = /^[^\p{Cc}\s](?:[^\p{Cc}]{0,98}[^\p{Cc}\s])?$/u
const TIME = /^(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/
const OF_ONE_DAY = 1440

/** The clocks of a document, one for each zone. */
type Zones = Map<string, ZoneClock>

/**
 * Reads a document strictly.
 *
 * @param document - Of any type: it may come from a file.
 * @param option - What the messages call it.
 * @throws {BadOption} It is wrong. The message names what, as `policy.rules[3].to[1]`, and never a
 *   value.
 */
export function readDocument (document: PolicyDocument, option = 'policy'): ReadDocument {
  const { rules, default: otherwise = 'deny', report = false } = checkObject(document, option, DOCUMENT)
  readWord(otherwise, `${option}.default`, ['deny', 'allow'])
  readBoolean(report, `${option}.report`)
  const zones: Zones = new Map()
  const read = readList(rules, `${option}.rules`).map((rule, index) => readRule(rule, index, `${option}.rules[${index}]`, zones))
  const names = new Set<string>()
  for (const { name, index } of read) {
    if (names.has(name)) throw new BadOption(`${option}.rules[${index}].name`, 'a name of its own', 'one that another rule has')
    names.add(name)
  }
  return { rules: read, allowsByDefault: otherwise === 'allow', reportsOnly: report }
}

function readRule (rule: PolicyRule, index: number, option: string, zones: Zones): Rule {
  checkObject(rule, option, RULE)
  const {
    name, users, groups, schemes, anonymous, clients, to, except, routes, methods, forms, paths, special, action, reason
  } = rule
  if (action === undefined) throw new BadOption(`${option}.action`, "'allow' or 'deny' or 'report'", 'nothing')
  readWord(action, `${option}.action`, ACTIONS)
  const allows = action === 'allow'
  const read: Rule = {
    index,
    name: name === undefined ? `rules[${index}]` : readText(name, `${option}.name`, NAME, 'printable text of at most 100 chars'),
    action,
    reason: reason === undefined ? null : readText(reason, `${option}.reason`, REASON, 'printable ASCII of at most 200 chars'),
    special: special === undefined ? false : readBoolean(special, `${option}.special`),
    users: readSet(users, `${option}.users`, readName),
    groups: readSet(groups, `${option}.groups`, readName),
    schemes: readSet(schemes, `${option}.schemes`, readScheme),
    anonymous: anonymous === undefined ? null : readBoolean(anonymous, `${option}.anonymous`),
    clients: readPatterns(clients, `${option}.clients`, readClient),
    to: readPatterns(to, `${option}.to`, parsePattern),
    except: readPatterns(except, `${option}.except`, parsePattern),
    routes: readSet(routes, `${option}.routes`, readRoute),
    methods: readSet(methods, `${option}.methods`, (text, at) => readText(text, at, METHOD, 'a method, in upper case')),
    forms: readSet(forms, `${option}.forms`, (form, at) => readKnown(form, at, FORMS)),
    paths: paths === undefined ? null : readList(paths, `${option}.paths`, 1).map((path, each) => readPath(path, `${option}.paths[${each}]`)),
    hours: readHours(rule, option, zones)
  }
  if (allows && reason !== undefined) throw new BadOption(`${option}.reason`, 'left out in a rule that allows', 'one')
  if (!allows && read.special) throw new BadOption(`${option}.special`, 'left out in a rule that does not allow', 'true')
  if (routes !== undefined && (to !== undefined || except !== undefined)) {
    throw new BadOption(`${option}.routes`, 'in a rule of its own: `to` and `except` are for targets of the forward proxy', 'both')
  }
  if (paths !== undefined && read.forms?.size === 1 && read.forms.has('connect')) {
    throw new BadOption(`${option}.paths`, 'left out in a rule for tunnels, which have no path', 'some')
  }
  return read
}

function readBoolean (value: unknown, option: string): boolean {
  if (typeof value !== 'boolean') throw badOption(option, 'true or false', value)
  return value
}

function readText (value: unknown, option: string, grammar: RegExp, wanted: string): string {
  if (typeof value !== 'string') throw badOption(option, wanted, value)
  if (!grammar.test(value)) throw new BadOption(option, wanted, 'other text')
  return value
}

/** Words of which there are a few: a wrong one is told what it is near to. */
function readKnown<Word extends string> (value: Word, option: string, words: readonly Word[]): Word {
  if (words.includes(value)) return value
  const meant = typeof value === 'string' ? nearest(value, words) : undefined
  throw badOption(option, meant === undefined ? `one of ${words.join(', ')}` : `one of ${words.join(', ')} (did you mean ${meant}?)`, value)
}

function readSet<Member, Value> (
  list: readonly Member[] | undefined, option: string, read: (member: Member, option: string) => Value
): ReadonlySet<Value> | null {
  if (list === undefined) return null
  return new Set(readList(list, option, 1).map((member, index) => read(member, `${option}[${index}]`)))
}

/** In Unicode form C, as schemes give names. */
function readName (value: string, option: string): string {
  if (typeof value !== 'string') throw badOption(option, 'a name', value)
  if (value === '') throw new BadOption(option, 'a name', 'empty text')
  return value.normalize('NFC')
}

function readScheme (value: string | null, option: string): string | null {
  return value === null ? null : readText(value, option, SCHEME, 'the name of a scheme, or null').toLowerCase()
}

function readRoute (value: string, option: string): string {
  return canonicalRoute(readText(value, option, /^\//, 'the prefix of a reverse route, which begins with a slash'))
}

function readPatterns (
  list: readonly string[] | undefined, option: string, read: (text: string, option: string) => Pattern
): Patterns | null {
  if (list === undefined) return null
  const all = readList(list, option, 1).map((text, index) => read(text, `${option}[${index}]`))
  return { all, list: new PatternList(all) }
}

function readClient (text: string, option: string): Pattern {
  const pattern = parsePattern(text, option)
  if (pattern.kind !== 'prefix' || pattern.port !== null) throw new BadOption(option, 'an address or CIDR', 'another pattern')
  return pattern
}

function readPath (text: string, option: string): PathPrefix {
  const wanted = 'a path that origins read in one way: from a slash on, without query, wildcard, dot segments, `//`, `;` and encoded slashes'
  if (typeof text !== 'string') throw badOption(option, wanted, text)
  const prefix = text.endsWith('/*') ? null : readPrefix(text)
  if (prefix === null) throw new BadOption(option, wanted, 'other text')
  return prefix
}

function readHours ({ days, from, until, zone }: PolicyRule, option: string, zones: Zones): Hours | null {
  if (days === undefined && from === undefined && until === undefined) {
    if (zone !== undefined) throw new BadOption(`${option}.zone`, 'left out where there are no days and times', 'one')
    return null
  }
  const named = readSet(days, `${option}.days`, (day, at) => DAYS.indexOf(readKnown(day, at, DAYS)))
  const begin = from === undefined ? 0 : readTimeOfDay(from, `${option}.from`)
  const end = until === undefined ? OF_ONE_DAY : readTimeOfDay(until, `${option}.until`)
  if (begin === OF_ONE_DAY) throw new BadOption(`${option}.from`, 'a time from 00:00 to 23:59', '24:00')
  if (end === begin) throw new BadOption(`${option}.until`, 'another time than `from`', 'that')
  return { zone: readZone(zone === undefined ? 'UTC' : zone, `${option}.zone`, zones), days: named ?? new Set(DAYS.keys()), from: begin, until: end }
}

/** In minutes. */
function readTimeOfDay (value: string, option: string): number {
  const [hours, minutes] = readText(value, option, TIME, "a time of the day such as '09:00'").split(':')
  return Number(hours) * 60 + Number(minutes)
}

function readZone (zone: unknown, option: string, zones: Zones): ZoneClock {
  const wanted = 'a time zone such as Europe/Berlin'
  if (typeof zone !== 'string') throw badOption(option, wanted, zone)
  const known = zones.get(zone)
  if (known !== undefined) return known
  try {
    // Some versions of Node take offsets such as +02:00, which know no summer time.
    if (/^[A-Za-z]/.test(zone)) {
      const clock = new ZoneClock(zone)
      zones.set(zone, clock)
      return clock
    }
  } catch {}
  const meant = nearest(zone, Intl.supportedValuesOf('timeZone'))
  throw new BadOption(option, meant === undefined ? wanted : `${wanted} (did you mean ${meant}?)`, 'the name of none')
}
