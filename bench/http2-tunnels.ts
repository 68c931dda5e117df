// Many tunnels at a time on one session of HTTP/2, each with an echo of some content, in rounds; and what the gateway has in
// memory before, between and after them.
//   npm run bench:http2-tunnels
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
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
    let most = 0
    const watch = setInterval(async () => { most = Math.max(most, (await proxy.usage()).rss) }, 500)
    await Promise.all(Array.from({ length: TUNNELS }, () => tunnel(session)))
    clearInterval(watch)
    const seconds = (performance.now() - started) / 1000
    await new Promise(resolve => setTimeout(resolve, 1000)) // the last question is answered
    const after = await proxy.usage('gc')
    console.log(`  round ${round}: ${TUNNELS} tunnels with ${mib(OCTETS)} each way in ${seconds.toFixed(1)} s, ` +
      `${((after.cpu - before.cpu) / 1e6).toFixed(1)} s CPU; at most ${mib(most)} resident; afterwards ${memory(after)}`)
  }
  session.destroy()
  await new Promise(resolve => setTimeout(resolve, 1000)) // nobody has an answer left to give
  console.log(`  without the session: ${memory(await proxy.usage('gc'))}`)
  proxy.stop()
}
echo.stop()
