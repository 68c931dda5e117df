import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { closedPort } from '../../test/fixtures/closed-port.js'
import { folderOf, program, start } from '../program.js'
import { PASSWORD, USERNAME } from './contender.js'
import type { Contender } from './contender.js'

const { path, skip } = program('tinyproxy', 'tinyproxy-bin')

/** Tinyproxy with Basic: a thread for each connection. */
export const tinyproxy: Contender = {
  name: 'tinyproxy',
  missing: skip,
  version: () => /[\d.]+/.exec(spawnSync(path, ['-v'], { encoding: 'utf8' }).stdout)?.[0] ?? '',
  warmsUp: false,
  async start () {
    const ports = { port: await closedPort() }
    const folder = folderOf('tinyproxy', {
      'tinyproxy.conf': `
Port ${ports.port}
Listen 127.0.0.1
Allow 127.0.0.1
LogFile "FOLDER/log"
LogLevel Critical
MaxClients 5000
BasicAuth ${USERNAME} ${PASSWORD}
`
    })
    return await start(path, ['-d', '-c', join(folder, 'tinyproxy.conf')], ports)
  }
}
