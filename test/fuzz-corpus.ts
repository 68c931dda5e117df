// What fuzzers have found, and what was mended since: every input of test/corpus once more. See docs/internals/fuzzing.md.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Fuzzer } from './fuzz/harness/fuzzer.js'
import { World } from './fuzz/harness/world.js'
import { openssl } from './fixtures/certificate.js'

const CORPUS = join(import.meta.dirname, 'corpus')

for (const name of readdirSync(CORPUS).sort()) {
  const { default: fuzzer } = await import(`./fuzz/${name}.js`) as { default: Fuzzer }
  const skip = fuzzer.world === false ? false : openssl.skip
  t.test(name, { skip }, async t => {
    const world = fuzzer.world === false ? undefined : await World.start()
    t.teardown(async () => { await world?.stop() })
    for (const file of readdirSync(join(CORPUS, name)).sort()) {
      const { input } = JSON.parse(readFileSync(join(CORPUS, name, file), 'utf8')) as { input: unknown }
      await t.resolves(fuzzer.run(world!, input), file)
    }
  })
}
