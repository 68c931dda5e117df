import t from 'tap'
import { FORMS, createContentServer, digestOf, transfer } from '../../bench/transfers.js'
import { certificate, openssl } from '../fixtures/certificate.js'
import { ALICE } from '../fixtures/gateway.js'
import { listen } from '../fixtures/origin.js'
import { watchMemory } from '../fixtures/memory-growth.js'
import { startProgram } from '../fixtures/started-program.js'

/** A content as large as no gateway would keep in memory. `BENCH_SECONDS=16 npm run bench -- transfer` takes 1 GiB. */
const SIZE = 128 * 1024 * 1024
/** How much a gateway may grow with that, in KiB: much more than it does. */
const MOST = 300 * 1024

t.test('large contents in every form and direction: they arrive as they were, and are not kept in memory', { skip: openssl.skip }, async t => {
  const { certFile, keyFile } = certificate(t, 'localhost')
  const origin = await listen(t, createContentServer())
  const { port, pid } = await startProgram(t, 'demo/gateway.ts', {
    SCHEMES: 'basic', UPSTREAM: `http://127.0.0.1:${origin}`, FORWARD_SPECIAL: '127.0.0.1:*', TLS_CERT: certFile, TLS_KEY: keyFile
  })
  const gateway = { port, http2Port: port, tls: true, credentials: ALICE }
  const expected = digestOf(SIZE)
  const grewByLess = watchMemory(pid)
  for (const form of FORMS) {
    for (const direction of ['up', 'down'] as const) {
      t.equal(await transfer(form, direction, SIZE, gateway, origin), expected, `${form}, ${direction}`)
    }
  }
  grewByLess(t, MOST)
})
