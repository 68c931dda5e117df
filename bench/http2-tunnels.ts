// Many tunnels at a time on one session of HTTP/2, each with an echo of some content, in rounds; and what the gateway has in
// memory before, between and after them, beside a bare proxy. What is in use comes back to where it was; what is resident above
// that is kept by the allocators (of C and of V8) for the next time, which the bare proxy shows as well.
//   npm run bench:http2-tunnels
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as wait } from 'node:timers/promises'
import { Child } from './child.js'
import type { Usage } from './child.js'

const TUNNELS = Number(process.env['TUNNELS'] ?? 1000)
const OCTETS = Number(process.env['KIB'] ?? 1024) * 1024
const ROUNDS = Number(process.env['ROUNDS'] ?? 3)
const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`

/** By what the tunnels go: the gateway, and the least that can be called a proxy, for what is node's doing. */
const PROXIES = ['http2-gateway', 'bare-http2-proxy'] as const

const echo = await Child.start('echo')
const content = randomBytes(OCTETS)
const expected = createHash('sha256').update(content).digest('hex')

/** One tunnel from its CONNECT to its end. */
function tunnel (session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'CONNECT', ':authority': `127.0.0.1:${echo.port}`, 'proxy-authorization': BASIC }, { endStream: false })
    const hash = createHash('sha256')
    stream.on('error', reject)
    stream.on('response', ({ ':status': status }) => {
      if (status as unknown !== 200) reject(new Error(`status ${status}`))
      stream.end(content)
    })
    stream.on('data', chunk => hash.update(chunk))
    stream.on('end', () => hash.digest('hex') === expected ? resolve() : reject(new Error('other octets came back')))
  })
}

const mib = (octets: number) => `${(octets / 2 ** 20).toFixed(0)} MiB`
const memory = ({ rss, inUse }: Usage) => `${mib(rss)} resident, ${mib(inUse)} of it in use`
for (const name of PROXIES) {
  const proxy = await Child.start(name)
  const session = connect(`http://127.0.0.1:${proxy.port}`, { maxSessionMemory: 4096 })
  await new Promise(resolve => session.once('remoteSettings', resolve))
  console.log(`${name}: before ${memory(await proxy.usage('gc'))}`)
  for (let round = 1; round <= ROUNDS; round++) {
    const before = await proxy.usage()
    const started = performance.now()
    const tunnels = Promise.all(Array.from({ length: TUNNELS }, () => tunnel(session))).then(() => 'done')
    let most = 0
    do most = Math.max(most, (await proxy.usage()).rss) // one question at a time: the answers have no names
    while (await Promise.race([tunnels, wait(500)]) !== 'done')
    const seconds = (performance.now() - started) / 1000
    await wait(2000) // the ends of the last tunnels
    const after = await proxy.usage('gc')
    console.log(`  round ${round}: ${TUNNELS} tunnels with ${mib(OCTETS)} each way in ${seconds.toFixed(1)} s, ` +
      `${((after.cpu - before.cpu) / 1e6).toFixed(1)} s CPU; at most ${mib(most)} resident; afterwards ${memory(after)}`)
  }
  session.destroy()
  await wait(1000)
  console.log(`  without the session: ${memory(await proxy.usage('gc'))}`)
  proxy.stop()
}
echo.stop()
