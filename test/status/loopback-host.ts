import t from 'tap'
import { isLoopback, namesLoopback } from '../../lib/status/loopback-host.js'

t.test('addresses and names of loopback: they are this machine, and no others', async t => {
  for (const host of ['127.0.0.1', '127.255.1.9', '::1', 'localhost', 'gateway.localhost']) t.equal(isLoopback(host), true, host)
  for (const host of ['0.0.0.0', '::', '128.0.0.1', '127.0.0.1.test', 'localhost.test', 'mylocalhost', '127.1', '']) t.equal(isLoopback(host), false, host)
})

t.test('Host: it names loopback with and without a port, in any case, and else it does not', async t => {
  for (const field of ['localhost', 'LOCALHOST:81', 'localhost.', '127.0.0.1:3129', '[::1]:3129', '[::1]', 'a.localhost:1']) t.equal(namesLoopback(field), true, field)
  for (const field of [undefined, '', 'evil.test', 'evil.test:3129', '127.0.0.1.evil.test', 'localhost@evil.test', '127.0.0.1, evil.test', '[::2]', 'localhost:x']) t.equal(namesLoopback(field), false, String(field))
})
