// A parent does not switch the policy off: addresses are classified before anything is asked of it.
import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { connectHead } from '../fixtures/connect-head.js'
import { ALICE, gateway } from '../fixtures/gateway.js'
import type { Gateway } from '../fixtures/gateway.js'
import { parentProxy } from '../fixtures/parent-proxy.js'
import { RawClient } from '../fixtures/raw-client.js'
import vectors from '../vectors/special-addresses.json' with { type: 'json' }

/** Those that are addresses. */
const rows = vectors.filter(({ address }) => isIP(address) !== 0 && !address.includes('%'))
const bracketed = (address: string): string => address.includes(':') ? `[${address}]` : address

/** Asks for targets on one connection for each form, and gives the statuses. */
async function ask (t: Test, { port }: Gateway, host: string): Promise<number[]> {
  const login = `Proxy-Authorization: ${ALICE}`
  const statuses: number[] = []
  for (const head of [`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n${login}\r\n\r\n`, connectHead(`${host}:443`, login)]) {
    const client = await RawClient.to(t, port)
    statuses.push(Number((await client.send(head).answer()).slice(9, 12)))
    client.socket.destroy()
  }
  return statuses
}

t.test('the whole table of special-purpose addresses through a parent, as targets and as what names lead to: it is asked for none of them (R-CONNECT-9, S41)', async t => {
  const parent = await parentProxy(t)
  let tunnels = 0
  parent.server.on('connect', (_request, socket: Socket) => {
    tunnels += 1
    socket.end('HTTP/1.1 200 OK\r\n\r\n')
  })
  const lookup = (name: string, _options: unknown, done: (error: null, addresses: object[]) => void): void => {
    const { address } = rows[Number(name.split('-')[1]!.split('.')[0])]!
    done(null, [{ address, family: address.includes(':') ? 6 : 4 }])
  }
  const by = (resolve: 'parent' | 'local') => [{ url: `http://127.0.0.1:${parent.port}`, resolve }]
  const [remote, local] = [await gateway(t, { forward: { parents: by('parent') } }), await gateway(t, { forward: { parents: by('local'), lookup: lookup as never } })]
  let asked = 0
  for (const [index, { name, address, block }] of rows.entries()) {
    const expected = block === null ? [200, 200] : [403, 403]
    if (block === null) asked += 2
    t.strictSame(await ask(t, remote, bracketed(address)), expected, name)
    t.strictSame(await ask(t, local, `row-${index}.test`), expected, `a name for ${name}`)
    t.strictSame([parent.seen.length, tunnels], [asked, asked])
  }
})
