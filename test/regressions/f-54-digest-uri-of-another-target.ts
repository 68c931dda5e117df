import t from 'tap'
import { DigestStrategy, lookupStatic } from '../../lib/index.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { FORMS, surroundings } from '../fixtures/forms.js'

for (const form of FORMS) {
  t.test(`${form}: a uri that is not the target: 400, or taken with uri: any (F-54)`, async t => {
    for (const [uri, status] of [[undefined, 400], ['strict', 400], ['any', 200]] as const) {
      const strategy = new DigestStrategy({ ...lookupStatic({ alice: 'alice-secret' }), ...(uri && { uri }) })
      const session = await DigestSession.start(t, await surroundings(t, { strategies: [strategy] }), form)
      t.equal((await session.send('/', { qop: 'auth', uri: '/elsewhere' })).status, status)
    }
  })
}
