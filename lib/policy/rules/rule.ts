import { embeddedIPv4 } from '../address/embedded-address.js'
import { stronger } from '../target/pattern-list.js'
import type { PatternList, PatternMatch } from '../target/pattern-list.js'
import type { Pattern } from '../target/pattern.js'
import type { PolicyAction, PolicyForm } from './document.js'
import { isWithin } from './hours.js'
import type { Hours } from './hours.js'
import { isMaybeBelow, isSurelyBelow } from './path.js'
import type { PathPrefix } from './path.js'
import type { Subject } from './request.js'

/** Patterns, as written and arranged for look-up. */
export interface Patterns {
  readonly all: readonly Pattern[]
  readonly list: PatternList
}

/**
 * A condition of a rule, by the member that it is written as; `time` is `days`, `from` and `until`
 * together.
 */
export type PolicyCondition =
  'forms' | 'routes' | 'anonymous' | 'users' | 'groups' | 'schemes' | 'methods' | 'to' | 'except' | 'clients' | 'paths' | 'time'

/** Whether a condition or a rule holds; `unresolved`: the addresses of the name must tell. */
export type RuleVerdict = 'yes' | 'no' | 'unresolved'

/** A rule as read. A condition that it has not is `null`. */
export interface Rule {
  /** Its place in the document, from 0. */
  readonly index: number
  readonly name: string
  readonly action: PolicyAction
  readonly reason: string | null
  readonly special: boolean
  readonly forms: ReadonlySet<PolicyForm> | null
  /** Canonical. */
  readonly routes: ReadonlySet<string> | null
  readonly anonymous: boolean | null
  readonly users: ReadonlySet<string> | null
  readonly groups: ReadonlySet<string> | null
  /** In lower case. */
  readonly schemes: ReadonlySet<string | null> | null
  readonly methods: ReadonlySet<string> | null
  readonly to: Patterns | null
  readonly except: Patterns | null
  /** Addresses and blocks without a port. */
  readonly clients: Patterns | null
  readonly paths: readonly PathPrefix[] | null
  readonly hours: Hours | null
}

/** A condition, ready to be asked. */
export interface Condition {
  readonly name: PolicyCondition
  readonly ask: (subject: Subject) => RuleVerdict
}

/**
 * The conditions of a rule, those first that cost least. What cannot be told is `no` for a rule
 * that allows, and `yes` for any other.
 */
export function conditionsOf (rule: Rule): readonly Condition[] {
  const { forms, routes, anonymous, users, groups, schemes, methods, to, except, clients, paths, hours } = rule
  const allows = rule.action === 'allow'
  const conditions: Condition[] = []
  const add = (name: PolicyCondition, holds: (subject: Subject) => boolean): void => {
    conditions.push({ name, ask: (subject) => holds(subject) ? 'yes' : 'no' })
  }
  if (forms !== null) {
    add('forms', ({ form, route, maybe }) => {
      if (forms.has(form) || (route !== null && forms.has('reverse'))) return true
      return !allows && maybe.some((each) => forms.has(each))
    })
  }
  if (routes !== null) add('routes', ({ route }) => route !== null && routes.has(route))
  if (anonymous !== null) add('anonymous', (subject) => subject.anonymous === anonymous)
  if (users !== null) add('users', ({ user }) => user !== null && users.has(user))
  if (groups !== null) add('groups', (subject) => subject.groups.some((group) => groups.has(group)))
  if (schemes !== null) add('schemes', (subject) => !subject.anonymous && subject.user !== null && schemes.has(subject.scheme))
  if (methods !== null) add('methods', ({ method }) => method === null ? !allows : methods.has(method))
  if (to !== null || (routes === null && allows)) conditions.push({ name: 'to', ask: allows ? allowedTarget(to) : deniedTarget(to!) })
  if (except !== null) conditions.push({ name: 'except', ask: exceptedTarget(except, allows) })
  if (clients !== null) {
    add('clients', ({ client }) => {
      if (client === 'none') return false
      return client === 'unknown' ? !allows : clients.list.matchAddress(client, 0) !== null
    })
  }
  if (paths !== null) {
    add('paths', ({ path }) => {
      if (path === 'none') return false
      if (path === 'unknown') return !allows
      return paths.some((prefix) => allows ? isSurelyBelow(path, prefix) : isMaybeBelow(path, prefix))
    })
  }
  if (hours !== null) add('time', ({ now }) => isWithin(hours, now))
  return conditions
}

/** Whether all of the conditions hold. */
export function judge (conditions: readonly Condition[], subject: Subject): RuleVerdict {
  let verdict: RuleVerdict = 'yes'
  for (const { ask } of conditions) {
    const answer = ask(subject)
    if (answer === 'no') return 'no'
    if (answer === 'unresolved') verdict = 'unresolved'
  }
  return verdict
}

/** `to` of a rule that allows: a port is open where a pattern names it, or it is a usual one. */
function allowedTarget (to: Patterns | null): Condition['ask'] {
  return (subject) => {
    const { port, route } = subject
    if (route !== null) return to === null ? 'yes' : 'no'
    if (to === null) return isOpen(port, 'host') ? 'yes' : 'no'
    if (isOpen(port, matchOf(to.list, subject))) return 'yes'
    return subject.isUnresolved && isOpen(port, to.list.matchSomeAddress(port)) ? 'unresolved' : 'no'
  }
}

function isOpen (port: number, match: PatternMatch): boolean {
  return match === 'port' || (match === 'host' && (port === 443 || port === 80))
}

/** `to` of any other rule. What is denied has no second spelling: see {@link embeddedIPv4}. */
function deniedTarget (to: Patterns): Condition['ask'] {
  return (subject) => {
    if (subject.route !== null) return 'no'
    if (matchOf(to.list, subject) !== null || matchesEmbedded(to.list, subject)) return 'yes'
    return subject.isUnresolved && to.list.matchSomeAddress(subject.port) !== null ? 'unresolved' : 'no'
  }
}

/** Of a rule that allows, the exceptions are what is denied. */
function exceptedTarget (except: Patterns, allows: boolean): Condition['ask'] {
  return (subject) => {
    if (subject.route !== null) return 'no'
    if (matchOf(except.list, subject) !== null || (allows && matchesEmbedded(except.list, subject))) return 'no'
    return subject.isUnresolved && except.list.matchSomeAddress(subject.port) !== null ? 'unresolved' : 'yes'
  }
}

/** By the name, by the address, or by what the name resolves to. */
function matchOf (list: PatternList, { host, port, address }: Subject): PatternMatch {
  if (address === null) return list.matchName(host, port)
  const byAddress = list.matchAddress(address, port)
  return host === address.text ? byAddress : stronger(byAddress, list.matchName(host, port))
}

function matchesEmbedded (list: PatternList, { port, address }: Subject): boolean {
  const embedded = address === null ? null : embeddedIPv4(address)
  return embedded !== null && list.matchAddress(embedded, port) !== null
}
