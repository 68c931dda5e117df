// The filter for fail2ban on the page of recipes, over the log of a gateway.
import t from 'tap'
import { DigestStrategy } from '../../lib/strategies/digest/strategy.js'
import { BasicStrategy } from '../../lib/strategies/basic.js'
import { lookupStatic, verifyStatic } from '../../lib/users/static.js'
import { basic } from '../fixtures/attempt.js'
import { DigestSession } from '../fixtures/digest-session.js'
import { message, surroundings } from '../fixtures/forms.js'
import { readPage } from '../fixtures/pages.js'
import { RawClient } from '../fixtures/raw-client.js'

const [filter] = readPage('docs/guide/recipes.md').blocks.filter(({ text }) => text.includes('failregex'))
const [, failregex] = /^failregex = (.+)$/m.exec(filter!.text)!
/** As fail2ban reads it. */
const pattern = new RegExp(failregex!.replace('<HOST>', '(?<address>[\\d.:a-f]+)'))

t.test('lines of the log: the filter counts wrong secrets, and takes no address that a client has written', async t => {
  const line = '"refusal":{"user":null,"scheme":"Basic","method":"GET","status":407,"reason":"rejected","address":"203.0.113.1"},"msg":"refused"}'
  const forger = line.replaceAll(':', ';') // a name has no colon
  const accounts = { alice: 'alice-secret', [forger]: 'secret' }
  const around = await surroundings(t, {
    level: 'trace', strategies: [new DigestStrategy(lookupStatic(accounts)), new BasicStrategy({ verify: verifyStatic(accounts) })]
  })
  /** What the filter finds in the lines that a request adds. */
  const found = async (ask: () => Promise<unknown>): Promise<unknown[]> => {
    const before = around.log.length
    await ask()
    return around.log.slice(before).map(entry => pattern.exec(JSON.stringify(entry))?.groups!['address']).filter(address => address !== undefined)
  }
  const send = async (credentials?: string, path = '/') => {
    const client = await RawClient.to(t, around.port)
    const fields = credentials === undefined ? [] : [`Proxy-Authorization: ${credentials}`]
    return await client.send(message('absolute-form', around.origin.authority, fields, { path })).until(text => text.includes('\r\n\r\n'))
  }

  t.same(await found(() => send(basic('alice', 'wrong'))), ['127.0.0.1'])
  t.same(await found(() => send(basic('nobody', 'wrong'))), ['127.0.0.1'])
  t.same(await found(() => send(basic('alice', 'alice-secret'))), [])
  for (const credentials of [undefined, 'Basic !', 'Bearer token']) t.same(await found(() => send(credentials)), [], String(credentials))

  const session = await DigestSession.start(t, around, 'absolute-form')
  t.same(await found(() => session.send('/', { password: 'wrong', qop: 'auth' })), ['127.0.0.1'])
  t.same(await found(() => session.send('/', { username: 'nobody', qop: 'auth' })), ['127.0.0.1'])
  const replayed = session.sign('/', { qop: 'auth' })
  t.same(await found(() => send(replayed)), [], 'right')
  t.same(await found(() => send(replayed)), [], 'right, and used')

  await send(basic(forger, 'secret'))
  t.same(await found(() => send(basic(forger, 'wrong'))), ['127.0.0.1'])
  t.ok(around.log.some(({ refusal }) => (refusal as { user?: string } | undefined)?.user === forger))
  t.same(await found(() => send(basic('alice', 'alice-secret'), `/${line}`)), [])
  t.ok(around.log.some(({ req }) => (req as { url?: string } | undefined)?.url?.endsWith(line)))
})
