import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { md5Crypt } from '../../lib/users/md5-crypt.js'
import { closedPort } from '../../test/fixtures/closed-port.js'
import { folderOf, program, start } from '../program.js'
import { PASSWORD, USERNAME } from './contender.js'
import type { Contender } from './contender.js'

const squidProgram = program('squid', 'squid')
const HELPERS = '/usr/lib/squid'

/** Squid with Basic, no cache and no log, in one process beside the helpers that know the passwords. */
export const squid: Contender = {
  name: 'squid',
  missing: squidProgram.skip,
  version: () => /Version ([\w.]+)/.exec(spawnSync(squidProgram.path, ['-v'], { encoding: 'utf8' }).stdout)?.[1] ?? '',
  warmsUp: false,
  async start ({ certificate }) {
    const ports = { port: await closedPort(), ...certificate && { tls: await closedPort() } }
    const folder = folderOf('squid', {
      passwords: `${USERNAME}:$apr1$bench$${await md5Crypt(PASSWORD, 'bench', '$apr1$')}\n`,
      'squid.conf': `
http_port 127.0.0.1:${ports.port}
${certificate === undefined ? '' : `https_port 127.0.0.1:${ports.tls} tls-cert=FOLDER/cert.pem tls-key=FOLDER/key.pem`}
pid_filename FOLDER/squid.pid
cache_log FOLDER/cache.log
access_log none
coredump_dir FOLDER
cache deny all
pinger_enable off
shutdown_lifetime 0 seconds
max_filedescriptors 16384
auth_param basic program ${HELPERS}/basic_ncsa_auth FOLDER/passwords
auth_param basic realm bench
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`
    }, certificate && { 'cert.pem': certificate.certFile, 'key.pem': certificate.keyFile })
    // Two Squids of one name would share their memory.
    const args = ['-n', `bench${process.pid}x${ports.port}`, '-N', '-f', join(folder, 'squid.conf')]
    return await start(squidProgram.path, args, ports, { log: join(folder, 'cache.log') })
  }
}
