import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { closedPort } from '../../test/fixtures/closed-port.js'
import { folderOf, program, start } from '../program.js'
import { PASSWORD, USERNAME } from './contender.js'
import type { Contender } from './contender.js'

const { path, skip } = program('haproxy', 'haproxy')

/** HAProxy with one thread and Basic: `Proxy-Authorization` forward (no CONNECT), `Authorization` at /api on the port `reverse`. */
export const haproxy: Contender = {
  name: 'haproxy',
  missing: skip,
  version: () => /version ([\d.]+)/i.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stdout)?.[1] ?? '',
  warmsUp: false,
  async start ({ origins }) {
    const ports = { port: await closedPort(), reverse: await closedPort() }
    const folder = folderOf('haproxy', {
      'haproxy.cfg': `
global
  nbthread 1
  maxconn 5000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
userlist known
  user ${USERNAME} insecure-password ${PASSWORD}
frontend forward
  bind 127.0.0.1:${ports.port}
  option http-use-proxy-header
  http-request auth realm bench unless { http_auth(known) }
  http-request del-header Proxy-Authorization
  http-request set-dst url_ip
  http-request set-dst-port url_port
  http-request set-uri %[pathq]
  default_backend any
backend any
  server any 0.0.0.0:0
frontend reverse
  bind 127.0.0.1:${ports.reverse}
  http-request auth realm bench unless { http_auth(known) }
  http-request replace-path /api(/.*) \\1
  default_backend origin
backend origin
  server origin 127.0.0.1:${origins.ports['http']}
`
    })
    return await start(path, ['-db', '-f', join(folder, 'haproxy.cfg')], ports)
  }
}
