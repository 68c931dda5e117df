import { randomUUID } from 'node:crypto'
import { Aws4Strategy, BasicStrategy, BearerStrategy, DigestStrategy, answerDigestChallenge, signAws4 } from '../../lib/index.js'
import { PATH, delayed, proxy, testConcurrently } from '../fixtures/concurrently.js'
import type { Row } from '../fixtures/concurrently.js'
import { basic } from '../fixtures/foreign/rows.js'

let counter = 0

const rows: Row[] = [
  {
    name: 'BasicStrategy',
    prepare: () => ({
      strategy: new BasicStrategy({ verify: ({ username, password }) => delayed(password === `secret of ${username}` ? { username } : null) }),
      present: user => proxy(basic(`${user}:secret of ${user}`))
    })
  },
  {
    name: 'BasicStrategy that remembers',
    prepare: () => ({
      strategy: new BasicStrategy({ verify: ({ username, password }) => delayed(password === `secret of ${username}` ? { username } : null), cache: true }),
      present: user => proxy(basic(`${user}:secret of ${user}`))
    })
  },
  {
    name: 'Aws4Strategy',
    prepare: () => ({
      strategy: new Aws4Strategy({ region: 'local', service: 'proxy', lookup: accessKeyId => delayed({ secret: `secret of ${accessKeyId}` }) }),
      present: user => {
        const headers = { host: 'gateway.test' }
        const signer = { accessKeyId: user, secretAccessKey: `secret of ${user}`, region: 'local', service: 'proxy' }
        return { headers: { ...headers, ...signAws4({ method: 'GET', target: PATH, headers }, signer) } }
      }
    })
  },
  {
    name: 'BearerStrategy',
    prepare: () => ({
      strategy: new BearerStrategy({ verify: token => delayed({ username: token.slice('token-of-'.length) }) }), present: user => proxy(`Bearer token-of-${user}`)
    })
  },
  {
    name: 'DigestStrategy',
    prepare: () => ({
      strategy: new DigestStrategy({ lookup: username => delayed({ password: `secret of ${username}` }) }),
      present: (username, challenge) => proxy(answerDigestChallenge(challenge, {
        username, password: `secret of ${username}`, method: 'GET', uri: PATH, nc: ++counter, cnonce: randomUUID()
      })!.credentials)
    })
  }
]

testConcurrently(rows)
