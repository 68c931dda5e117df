import t from 'tap'
import { NegotiateStrategy } from '../../lib/index.js'
import { barePage, browsers } from '../fixtures/browsers.js'
import { openssl } from '../fixtures/certificate.js'
import { kdc } from '../fixtures/kdc.js'
import { kerberos } from '../fixtures/kerberos.js'
import { origin } from '../fixtures/origin.js'
import { served, world } from '../fixtures/world.js'

const { skip: missing, library } = kerberos
const realm = missing === false ? await kdc(t) : undefined
if (realm !== undefined) Object.assign(process.env, realm.env)

for (const [name, { skip, start }] of Object.entries(browsers)) {
  t.test(`${name}, absolute-form and CONNECT (R-NEG-1)`, { skip: missing || skip || openssl.skip }, async t => {
    for (const user of [null, 'alice']) {
      t.test(user === null ? 'no ticket' : 'a ticket', async t => {
        let handshakes = 0
        const strategy = new NegotiateStrategy({
          initializeServer: async service => { handshakes += 1; return await library.initializeServer(service) }
        })
        const here = await world(t, 'https', barePage, { strategies: [strategy], connectionBound: true })
        handshakes = 0 // the boot has opened one, to see that it can
        const plain = await origin(t, barePage)
        const env = { KRB5_CONFIG: realm!.env['KRB5_CONFIG']!, KRB5CCNAME: realm!.cache(user) }
        const browser = await start(t, { port: here.gate.port, env })
        for (const url of [`http://origin.test:${plain.port}/`, here.url]) {
          const before = handshakes
          const first = await browser.visit(url)
          // Chromium has just started: challenged for two requests at once, it answers neither, now and then, and shows the 407.
          const shown = first === 407 && user !== null ? await browser.visit(url) : first
          if (user === null) t.not(shown, 200)
          else t.equal(shown, 200)
          t.equal(handshakes > before, user !== null)
        }
        t.same([plain.seen.length, here.target.seen.length], user === null ? [0, 0] : [1, 1])
        if (user !== null) t.match(await served(here), { user, scheme: 'Negotiate', method: 'GET' }) // a tunnel is logged when it ends
      })
    }
  })
}
