import { parsePattern } from './pattern.js'
import type { Pattern } from './pattern.js'
import type { Prefix } from '../address/prefix-table.js'
import { SPECIAL_BLOCKS } from '../address/special-registry.js'

/** The lists of `forward` that the script goes by. */
export interface AutoConfigurationLists {
  readonly allow?: readonly string[]
  readonly special?: readonly string[]
}

/**
 * A list as the script has it. Names begin with a dot, so that none is `__proto__`; blocks are the
 * family and the bits.
 */
interface ScriptList {
  readonly any: boolean
  readonly names: Record<string, 1>
  readonly below: Record<string, 1>
  readonly blocks: readonly string[]
}

/**
 * Prepares the script by which browsers choose their proxy: `FindProxyForURL`, in the JavaScript of
 * 1996, which is what some of its readers speak. It asks no resolver, so a name goes by what it is
 * called and not by what it resolves to. Ports are left to the proxy: it refuses with a reason what
 * would fail without one otherwise.
 *
 * - Loopback is the browser's own machine: never through the proxy.
 * - Names without a dot and special-purpose addresses: directly, unless `special` holds them.
 * - With `allow`, what it does not hold: directly.
 * - All else: through the proxy, with nothing to fall back to.
 *
 * `deny` is not in it: what is denied should be refused, not tried without a proxy.
 *
 * @returns A function that writes the script for a proxy: `PROXY` or `HTTPS`, a space, host and
 *   port.
 * @throws {BadOption} An element is no pattern.
 * @example
 * autoConfiguration({ allow: ['*.example.org'] })('PROXY gw.test:8080')
 */
export function autoConfiguration ({ allow, special = [] }: AutoConfigurationLists): (proxy: string) => string {
  const lists = {
    allow: allow === undefined ? null : scriptList(allow, 'forward.allow'),
    special: scriptList(special, 'forward.special'),
    blocks: scriptList(SPECIAL_BLOCKS.map(([cidr]) => cidr), '').blocks
  }
  const script = SCRIPT.replace('LISTS', () => JSON.stringify(lists))
  return (proxy) => script.replace('PROXY', () => JSON.stringify(proxy))
}

function scriptList (texts: readonly string[], option: string): ScriptList {
  const patterns = texts.map((text, index): Pattern => parsePattern(text, `${option}[${index}]`))
  const named = (kind: 'name' | 'subdomains') => Object.fromEntries(
    patterns.flatMap((pattern) => pattern.kind === kind ? [[`.${pattern.name}`, 1] as const] : [])
  )
  return {
    any: patterns.some(({ kind }) => kind === 'any'),
    names: named('name'),
    below: named('subdomains'),
    blocks: patterns.flatMap((pattern) => pattern.kind === 'prefix' ? [bitsOf(pattern.prefix)] : [])
  }
}

function bitsOf ({ family, bits, length }: Prefix): string {
  return family + bits.toString(2).padStart(family === 4 ? 32 : 128, '0').slice(0, length)
}

const SCRIPT = `var proxy = PROXY;
var lists = LISTS;

function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/^\\[|\\]$/g, '').replace(/\\.$/, '');
  var bits = bitsOf(host);
  if (isLoopback(host, bits)) return 'DIRECT';
  if ((bits === '' ? host.indexOf('.') < 0 : isSpecial(bits)) && !holds(lists.special, host, bits)) return 'DIRECT';
  if (lists.allow !== null && !holds(lists.allow, host, bits)) return 'DIRECT';
  return proxy;
}

function isLoopback(host, bits) {
  return bits === '' ? /(^|\\.)localhost$/.test(host) : bits.indexOf('401111111') === 0 || /^60{127}1$/.test(bits);
}

function isSpecial(bits) {
  if (bits.indexOf(nat64) === 0) return isSpecial('4' + bits.substr(97));
  return (bits.charAt(0) === '6' && bits.indexOf('6001') !== 0) || isIn(lists.blocks, bits);
}

function holds(list, host, bits) {
  if (list.any) return true;
  if (bits !== '') return isIn(list.blocks, bits);
  if (list.names.hasOwnProperty('.' + host)) return true;
  for (var dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    if (list.below.hasOwnProperty(host.substr(dot))) return true;
  }
  return false;
}

function isIn(blocks, bits) {
  for (var at = 0; at < blocks.length; at++) if (bits.indexOf(blocks[at]) === 0) return true;
  return false;
}

// An address as its family and its bits, '' for a name. IPv4 in IPv6 is IPv4.
function bitsOf(host) {
  var at;
  var bits = '';
  if (host.indexOf(':') < 0) {
    var octets = host.split('.');
    if (octets.length !== 4) return '';
    for (at = 0; at < 4; at++) {
      if (!/^(0|[1-9]\\d{0,2})$/.test(octets[at]) || Number(octets[at]) > 255) return '';
      bits += binary(Number(octets[at]), 8);
    }
    return '4' + bits;
  }
  var dotted = /^(.*:)(\\d+)\\.(\\d+)\\.(\\d+)\\.(\\d+)$/.exec(host);
  if (dotted !== null) {
    host = dotted[1] + (dotted[2] * 256 + Number(dotted[3])).toString(16) + ':' + (dotted[4] * 256 + Number(dotted[5])).toString(16);
  }
  var halves = host.split('::');
  var words = halves[0] === '' ? [] : halves[0].split(':');
  var rest = halves.length < 2 || halves[1] === '' ? [] : halves[1].split(':');
  while (words.length + rest.length < 8) words.push('0');
  words = words.concat(rest);
  for (at = 0; at < words.length; at++) bits += binary(parseInt(words[at], 16), 16);
  return bits.indexOf(mapped) === 0 ? '4' + bits.substr(96) : '6' + bits;
}

function binary(number, width) {
  var text = number.toString(2);
  while (text.length < width) text = '0' + text;
  return text;
}

var mapped = binary(0, 80) + binary(65535, 16);
var nat64 = '6' + binary(0x64, 16) + binary(0xff9b, 16) + binary(0, 64);
`
