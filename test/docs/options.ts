import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Test } from 'tap'
import { readAnonymous } from '../../lib/options/anonymous.js'
import { readForward } from '../../lib/options/forward.js'
import { readAuthInt, readConnect, readConnectionBound, readVerifiers } from '../../lib/options/limits.js'
import { readPermissions } from '../../lib/options/permissions.js'
import { readSettings } from '../../lib/options/settings.js'
import { readAttempts } from '../../lib/policy/attempts/attempts-options.js'
import { readParent } from '../../lib/policy/parent/entry.js'
import { readForwardPolicy } from '../../lib/policy/target/access-options.js'
import type { Parent } from '../../lib/policy/parent/parent.js'
import { readAutoConfiguration } from '../../lib/proxy/forward/auto-configuration-route.js'
import { readPages } from '../../lib/gate/refusal/page.js'
import { readAws4Options } from '../../lib/strategies/aws4/options.js'
import { readCacheOptions } from '../../lib/strategies/cache-options.js'
import { readDigestOptions } from '../../lib/strategies/digest/options.js'
import { readNtlmOptions } from '../../lib/strategies/ntlm/options.js'
import { basic } from '../fixtures/gateway.js'

const lookup = () => null

/** The defaults as they are, by the name that the page has before those of the options, or its heading. */
const DEFAULTS: Readonly<Record<string, object>> = {
  All: { ...readSettings({ realm: 'Lab', strategies: [basic()] }), ...readPermissions({ authorize: () => true }) },
  'Forward proxy': { ...readForwardPolicy({}), ...readForward({}) },
  'Auto-configuration of browsers': readAutoConfiguration(true),
  'Parent proxies': readParent({ url: 'http://parent.test' }, 'parents[0]').hop as Parent,
  Tunnels: readConnect({}),
  'Connection-bound schemes': readConnectionBound(true),
  'Anonymous access': readAnonymous({}, [])!,
  'Slowing down guesses': readAttempts({}),
  'Content that is kept': readAuthInt({}),
  'Pages for browsers': readPages({}),
  'Requests to a strategy': readVerifiers({}),
  'Remembered verdicts': readCacheOptions(true)!,
  DigestStrategy: readDigestOptions({ lookup }),
  NtlmStrategy: readNtlmOptions({ lookup }),
  Aws4Strategy: readAws4Options({ lookup, region: 'local', service: 'proxy' })
}

interface Row { readonly section: string, readonly name: string, readonly given: string }

const page = readFileSync('docs/reference/options.md', 'utf8')
const rows: readonly Row[] = page.split(/^### /m).slice(1).flatMap(text => {
  const section = text.split('\n')[0]!
  return [...text.matchAll(/^\| `(.+?)` \| .*? \| .*? \| (.*?) \| /gm)].map(([, name, given]) => ({ section, name: name!.replace(/^.*\./, ''), given: given! }))
})

t.test('the defaults on the page of options: they are those of the code', async t => {
  let compared = 0
  for (const { section, name, given } of rows) {
    const defaults = DEFAULTS[section] as Record<string, unknown> | undefined
    const [, literal] = /^`(\d+|true|false|'.*'|\[.*\])`/.exec(given) ?? []
    if (literal === undefined || defaults === undefined) continue
    t.same(plain(defaults[name]), JSON.parse(literal.replaceAll("'", '"')), `${section}: ${name}`)
    compared++
  }
  t.ok(compared > 40, `${compared} were compared`)
})

t.test('an option that the page names: the plugin knows it', async t => {
  const required = { realm: 'Lab', strategies: [basic()] }
  const of = (section: string) => rows.filter(row => row.section === section).map(({ name }) => name)
  for (const name of of('All')) unknown(t, () => readSettings({ ...required, [name]: wrong }), name)
  for (const name of of('Forward proxy')) unknown(t, () => readSettings({ ...required, forward: { [name]: wrong } } as never), name)
  for (const name of of('Parent proxies')) unknown(t, () => readParent({ url: 'http://parent.test', [name]: wrong } as never, 'parents[0]'), name)
  for (const name of of('Reverse routes')) unknown(t, () => readSettings({ ...required, reverse: [{ upstream: 'http://127.0.0.1', [name]: wrong }] } as never), name)
  t.throws(() => readSettings({ ...required, misspelt: 1 } as never), UNKNOWN, 'and tells when it does not')
})

const UNKNOWN = /unknown option/
const wrong = Symbol('no value that an option may have')

function unknown (t: Test, read: () => unknown, name: string): void {
  try {
    read()
  } catch (error) {
    t.notMatch((error as Error).message, UNKNOWN, name)
    return
  }
  t.pass(name)
}

/** Of settings that are made ready for use, as they would be written. */
function plain (value: unknown): unknown {
  return Array.isArray(value) ? value.map(each => (each as { name?: string }).name ?? each) : value
}
