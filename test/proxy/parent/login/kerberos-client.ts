import t from 'tap'
import { loadKerberosClient } from '../../../../lib/proxy/parent/login/kerberos-client.js'

t.test('the package: its absence is told by name, and how to install it', async t => {
  await t.rejects(loadKerberosClient('a-package-that-is-not-there'), { code: 'FST_PROXY_AUTH_MISSING_PACKAGE', message: /npm install a-package/, cause: Error })
  t.equal(await loadKerberosClient('node:path').then(found => typeof found), 'object')
  const came = await loadKerberosClient().then(({ initializeClient }) => typeof initializeClient, error => error.code)
  t.ok(['function', 'FST_PROXY_AUTH_MISSING_PACKAGE'].includes(came), came)
})
