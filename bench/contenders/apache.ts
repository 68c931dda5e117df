import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { closedPort } from '../../test/fixtures/closed-port.js'
import { folderOf, isRoot, program, start } from '../program.js'
import { PASSWORD, USERNAME } from './contender.js'
import type { Contender } from './contender.js'

const { path, skip } = program('apache2', 'apache2')
const MODULES = ['mpm_event', 'authn_core', 'authn_file', 'auth_basic', 'authz_core', 'authz_user', 'proxy', 'proxy_http', 'proxy_connect']

/** Apache with mod_proxy, the event MPM, one process of it, and Basic: `Proxy-Authorization` forward, `Authorization` at /api. */
export const apache: Contender = {
  name: 'apache',
  missing: skip,
  version: () => /Apache\/([\d.]+)/.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stdout)?.[1] ?? '',
  warmsUp: false,
  async start ({ origins }) {
    const ports = { port: await closedPort() }
    const folder = folderOf('apache', {
      passwords: `${USERNAME}:{SHA}${createHash('sha1').update(PASSWORD).digest('base64')}\n`,
      'apache.conf': `
ServerRoot FOLDER
ServerName 127.0.0.1
Listen 127.0.0.1:${ports.port}
PidFile FOLDER/pid
DefaultRuntimeDir FOLDER
ErrorLog FOLDER/log
LogLevel crit
${isRoot ? 'User nobody\nGroup nogroup' : ''}
${MODULES.map((name) => `LoadModule ${name}_module ${join(dirname(path), '../lib/apache2/modules', `mod_${name}.so`)}`).join('\n')}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
KeepAlive On
MaxKeepAliveRequests 0
ProxyRequests On
AllowCONNECT 1-65535
ProxyPass /api/ http://127.0.0.1:${origins.ports['http']}/
<Proxy "*">
AuthType Basic
AuthName bench
AuthBasicProvider file
AuthUserFile FOLDER/passwords
Require valid-user
</Proxy>
`
    })
    return await start(path, ['-D', 'FOREGROUND', '-f', join(folder, 'apache.conf')], ports, { log: join(folder, 'log'), drops: true })
  }
}
