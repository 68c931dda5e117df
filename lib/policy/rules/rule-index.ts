import { embeddedIPv4 } from '../address/embedded-address.js'
import { PrefixTable } from '../address/prefix-table.js'
import type { Prefix } from '../address/prefix-table.js'
import type { Pattern } from '../target/pattern.js'
import type { Subject } from './request.js'
import type { Rule } from './rule.js'

/** Numbers of rules, in order. */
type Numbers = readonly number[]

/** A part of the index: it adds the rules that may hold a request, and leaves out most others. */
interface IndexPart {
  collect (subject: Subject, found: Numbers[]): void
}

/** Parts by the values that one kind of condition may have. */
interface Table<Key> {
  /** The part of exactly this value, made by `create` where there is none yet. */
  bucket (key: Key, create: () => Bucket): Bucket
  /**
   * Collects from the parts that may be those of the request.
   *
   * @returns `false`: they all may.
   */
  collect (subject: Subject, found: Numbers[]): boolean
}

/** A kind of condition that rules are told apart by. */
interface Dimension<Key = unknown> {
  /** The values that a rule holds; `null`: every one. */
  keysOf (rule: Rule): readonly Key[] | null
  createTable (): Table<Key>
}

/** A rule on its way to its places in the index. */
interface IndexEntry {
  readonly rule: Rule
  /** Its number among the rules of the index. */
  readonly number: number
  /** In how many places it will be. */
  readonly places: number
}

/** In so many places a rule may be. One with more values is looked at for all of them. */
const MAX_PLACES = 256
/** With more lists than these, to sort is quicker than to compare their heads. */
const MAX_HEADS = 16

/**
 * Finds the rules that may hold a request, in their order. What a look-up costs does not depend on
 * how many rules there are, but on how many name the same user, group, target, client and path.
 *
 * @example
 * const index = new RuleIndex(rules)
 * index.each(subject, (rule) => decide(rule)) // until `decide` says `true`
 */
export class RuleIndex {
  private readonly root: IndexPart

  /** @param byTarget - Whether to tell rules apart by their targets. Default true. */
  constructor (private readonly rules: readonly Rule[], byTarget = true) {
    const entries = rules.map((rule, number) => ({ rule, number, places: 1 }))
    this.root = build(entries, byTarget ? [WHO, WHERE, CLIENT, PATH] : [WHO, CLIENT, PATH])
  }

  /** Calls `take` with one rule after the other, until it gives `true`. */
  each (subject: Subject, take: (rule: Rule) => boolean): void {
    if (this.rules.length === 0) return
    const found: Numbers[] = []
    this.root.collect(subject, found)
    if (found.length > MAX_HEADS) this.inOrder([found.flat().sort((one, other) => one - other)], take)
    else if (found.length > 1) this.inOrder(found, take)
    else for (const number of found[0] ?? []) if (take(this.rules[number]!)) return
  }

  /** Goes through several lists as through one, and takes what is in more than one of them once. */
  private inOrder (lists: readonly Numbers[], take: (rule: Rule) => boolean): void {
    const heads = lists.map(() => 0)
    let last = -1
    do {
      let next = Infinity
      for (let list = 0; list < lists.length; list++) {
        const numbers = lists[list]!
        let head = heads[list]!
        while (head < numbers.length && numbers[head]! <= last) head++
        heads[list] = head
        if (head < numbers.length && numbers[head]! < next) next = numbers[head]!
      }
      last = next
    } while (last !== Infinity && !take(this.rules[last]!))
  }
}

/** Rules that nothing tells apart any more. */
class List implements IndexPart {
  private readonly numbers: Numbers

  constructor (entries: readonly IndexEntry[]) {
    this.numbers = entries.map(({ number }) => number)
  }

  collect (_subject: Subject, found: Numbers[]): void {
    found.push(this.numbers)
  }
}

/** A part that is made when all of its rules are known. */
class Bucket {
  readonly entries: IndexEntry[] = []
  part: IndexPart | null = null
}

/** Rules that one kind of condition tells apart, and those that have no such condition. */
class Branch implements IndexPart {
  private readonly all: IndexPart
  private readonly others: IndexPart | null
  private readonly table: Table<unknown>

  constructor (entries: readonly IndexEntry[], dimension: Dimension, rest: readonly Dimension[]) {
    const others: IndexEntry[] = []
    const buckets = new Set<Bucket>()
    this.table = dimension.createTable()
    for (const entry of entries) {
      const keys = keysOf(entry, dimension)
      if (keys === null) others.push(entry)
      else {
        for (const key of keys) {
          const bucket = this.table.bucket(key, () => new Bucket())
          buckets.add(bucket)
          const isIn = bucket.entries.at(-1)?.rule === entry.rule
          if (!isIn) bucket.entries.push({ ...entry, places: entry.places * keys.length })
        }
      }
    }
    for (const bucket of buckets) bucket.part = build(bucket.entries.splice(0), rest)
    this.others = others.length === 0 ? null : build(others, rest)
    this.all = new List(entries)
  }

  collect (subject: Subject, found: Numbers[]): void {
    const before = found.length
    if (this.table.collect(subject, found)) this.others?.collect(subject, found)
    else {
      found.length = before
      this.all.collect(subject, found)
    }
  }
}

function keysOf ({ rule, places }: IndexEntry, dimension: Dimension): readonly unknown[] | null {
  const keys = dimension.keysOf(rule)
  return keys === null || (keys.length > 1 && keys.length * places > MAX_PLACES) ? null : keys
}

function build (entries: readonly IndexEntry[], dimensions: readonly Dimension[]): IndexPart {
  const next = entries.length < 2
    ? -1
    : dimensions.findIndex((dimension) => entries.some((entry) => keysOf(entry, dimension) !== null))
  return next === -1 ? new List(entries) : new Branch(entries, dimensions[next]!, dimensions.slice(next + 1))
}

const WHO: Dimension<{ readonly of: 'users' | 'groups', readonly name: string }> = {
  keysOf ({ users, groups }) {
    if (users !== null) return [...users].map((name) => ({ of: 'users', name }))
    return groups === null ? null : [...groups].map((name) => ({ of: 'groups', name }))
  },
  createTable () {
    const tables = { users: new Map<string, Bucket>(), groups: new Map<string, Bucket>() }
    return {
      bucket: ({ of, name }, create) => bucketOf(tables[of], name, create),
      collect (subject, found) {
        if (subject.user !== null) tables.users.get(subject.user)?.part!.collect(subject, found)
        for (const group of subject.groups) tables.groups.get(group)?.part!.collect(subject, found)
        return true
      }
    }
  }
}

const WHERE: Dimension<Pattern | string> = {
  keysOf ({ to, routes }) {
    if (routes !== null) return [...routes]
    return to === null || to.all.some(({ kind }) => kind === 'any') ? null : to.all
  },
  createTable () {
    const routes = new Map<string, Bucket>()
    const names = { name: new Map<string, Bucket>(), subdomains: new Map<string, Bucket>() }
    let addresses: PrefixTable<Bucket> | null = null
    return {
      bucket (key, create) {
        if (typeof key === 'string') return bucketOf(routes, key, create)
        if (key.kind === 'prefix') return (addresses ??= new PrefixTable()).entry(key.prefix, create)
        return bucketOf(names[(key as { kind: 'name' | 'subdomains' }).kind], (key as { name: string }).name, create)
      },
      collect (subject, found) {
        const { route, host, address } = subject
        if (route !== null) {
          routes.get(route)?.part!.collect(subject, found)
          return true
        }
        names.name.get(host)?.part!.collect(subject, found)
        for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
          names.subdomains.get(host.slice(dot + 1))?.part!.collect(subject, found)
        }
        if (addresses !== null && address !== null) {
          for (const { part } of addresses.matches(address)) part!.collect(subject, found)
          const embedded = embeddedIPv4(address)
          if (embedded !== null) for (const { part } of addresses.matches(embedded)) part!.collect(subject, found)
        }
        return true
      }
    }
  }
}

/** What is not known is no reason to look at rules that allow: then none of them holds. */
interface ByAction { readonly allows: boolean }

const CLIENT: Dimension<ByAction & { readonly prefix: Prefix }> = {
  keysOf ({ clients, action }) {
    return clients === null ? null : clients.all.map((pattern) => ({ prefix: (pattern as { prefix: Prefix }).prefix, allows: action === 'allow' }))
  },
  createTable () {
    const addresses = new PrefixTable<Bucket>()
    let allAllow = true
    return {
      bucket ({ prefix, allows }, create) {
        allAllow &&= allows
        return addresses.entry(prefix, create)
      },
      collect (subject, found) {
        const { client } = subject
        if (client === 'unknown') return allAllow
        if (client !== 'none') for (const { part } of addresses.matches(client)) part!.collect(subject, found)
        return true
      }
    }
  }
}

const PATH: Dimension<ByAction & { readonly segments: readonly string[] }> = {
  keysOf: ({ paths, action }) => paths === null ? null : paths.map(({ possible }) => ({ segments: possible, allows: action === 'allow' })),
  createTable () {
    const prefixes = new Map<string, Bucket>()
    /** Of prefixes by their last segment, for paths that are not read in order. */
    const byLast = new Map<string, Bucket[]>()
    let deepest = 0
    let allAllow = true
    return {
      bucket ({ segments, allows }, create) {
        allAllow &&= allows
        deepest = Math.max(deepest, segments.length)
        return bucketOf(prefixes, segments.map((segment) => `/${segment}`).join(''), () => {
          const bucket = create()
          const last = segments.at(-1)
          if (last !== undefined) {
            const known = byLast.get(last)
            if (known === undefined) byLast.set(last, [bucket])
            else known.push(bucket)
          }
          return bucket
        })
      },
      collect (subject, found) {
        const { path } = subject
        if (path === 'none') return true
        if (path === 'unknown' || path.reading === 'anything') return allAllow
        let key = ''
        prefixes.get(key)?.part!.collect(subject, found)
        if (path.reading === 'in order') {
          for (const segment of path.possible.slice(0, deepest)) {
            key += `/${segment}`
            prefixes.get(key)?.part!.collect(subject, found)
          }
        } else {
          for (const segment of path.places.keys()) {
            for (const { part } of byLast.get(segment) ?? []) part!.collect(subject, found)
          }
        }
        return true
      }
    }
  }
}

function bucketOf (buckets: Map<string, Bucket>, key: string, create: () => Bucket): Bucket {
  let bucket = buckets.get(key)
  if (bucket === undefined) buckets.set(key, bucket = create())
  return bucket
}
