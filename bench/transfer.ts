// A large content in each direction through each form of request, compared by its hash; the time it took, and what the gateway has used.
//   npm run bench:transfer
import { Child } from './child.js'
import { FORMS, digestOf, transfer } from './transfers.js'

const SIZE = Number(process.env['MIB'] ?? 1024) * 2 ** 20
const BASIC = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`

const origin = await Child.start('content')
const env = { ORIGIN: `http://127.0.0.1:${origin.port}` }
const gateways = [await Child.start('gateway', env), await Child.start('http2-gateway', env)] as const
const expected = digestOf(SIZE)
const mib = (octets: number) => `${(octets / 2 ** 20).toFixed(0)} MiB`
let failed = 0
for (const form of FORMS) {
  const gateway = gateways[form.endsWith('HTTP/2') ? 1 : 0]
  for (const direction of ['up', 'down'] as const) {
    const before = await gateway.usage('gc')
    let most = before.rss
    const watch = setInterval(async () => { most = Math.max(most, (await gateway.usage()).rss) }, 250)
    const started = performance.now()
    const digest = await transfer(form, direction, SIZE, { port: gateways[0].port, http2Port: gateways[1].port, credentials: BASIC }, origin.port)
    const seconds = (performance.now() - started) / 1000
    clearInterval(watch)
    await new Promise(resolve => setTimeout(resolve, 500)) // the last question is answered
    const after = await gateway.usage()
    if (digest !== expected) failed += 1
    console.log(`${form.padEnd(20)} ${direction.padEnd(4)} ${mib(SIZE)} ${digest === expected ? 'identical' : 'DIFFERENT'} in ${seconds.toFixed(1)} s, ` +
      `${((after.cpu - before.cpu) / 1e6).toFixed(1)} s CPU; resident ${mib(before.rss)} before, at most ${mib(most)}`)
  }
}
await new Promise(resolve => setTimeout(resolve, 1000)) // nobody has an answer left to give
for (const child of [origin, ...gateways]) child.stop()
process.exitCode = failed === 0 ? 0 : 1
