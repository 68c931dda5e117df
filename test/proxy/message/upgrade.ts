import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { isForHttpProxy, markForHttpProxy, markUpgrade, protocolsOf, upgradeOf } from '../../../lib/proxy/message/upgrade.js'
import type { Upgrade } from '../../../lib/proxy/message/upgrade.js'

t.test('a request that was marked: tells its upgrade and what it offers', async t => {
  const request = {} as IncomingMessage
  const upgrade = { protocols: ['websocket'] } as unknown as Upgrade
  markUpgrade(request, upgrade)
  t.equal(upgradeOf(request), upgrade)
  t.strictSame(protocolsOf(request), ['websocket'])
})

t.test('any other request: has no upgrade and offers nothing', async t => {
  t.equal(upgradeOf({} as IncomingMessage), undefined)
  t.equal(protocolsOf({} as IncomingMessage), undefined)
})

t.test('an upgrade that another responds to: it is told from those that we respond to', async t => {
  const request = {} as IncomingMessage
  t.equal(isForHttpProxy(request), false)
  markForHttpProxy(request)
  t.equal(isForHttpProxy(request), true)
  t.equal(upgradeOf(request), undefined)
})
