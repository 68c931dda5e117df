import t from 'tap'
import { NtlmStrategy, lookupStatic } from '../../lib/index.js'
import { barePage, browsers } from '../fixtures/browsers.js'
import { openssl } from '../fixtures/certificate.js'
import { origin } from '../fixtures/origin.js'
import { served, world } from '../fixtures/world.js'

for (const [name, { skip, start }] of Object.entries(browsers)) {
  t.test(`${name}, absolute-form and CONNECT (R-NTLM-1)`, { skip: skip || openssl.skip }, async t => {
    for (const password of ['wrong', 'alice-secret']) {
      const isRight = password !== 'wrong'
      t.test(isRight ? 'a password' : 'a wrong password', async t => {
        const { lookup } = lookupStatic({ alice: 'alice-secret' })
        let handshakes = 0 // that came to their last leg
        const strategy = new NtlmStrategy({ lookup: username => { handshakes += 1; return lookup(username) } })
        const here = await world(t, 'https', barePage, { strategies: [strategy], connectionBound: true })
        const plain = await origin(t, barePage)
        const browser = await start(t, { port: here.gate.port, username: 'alice', password })
        for (const url of [`http://origin.test:${plain.port}/`, here.url]) {
          const before = handshakes
          const shown = await browser.visit(url)
          if (isRight) t.equal(shown, 200)
          else t.not(shown, 200)
          t.ok(handshakes > before)
        }
        t.same([plain.seen.length, here.target.seen.length], isRight ? [1, 1] : [0, 0])
        if (isRight) t.match(await served(here), { user: 'alice', scheme: 'NTLM', method: 'GET' }) // a tunnel is logged when it ends
      })
    }
  })
}
