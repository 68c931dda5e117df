// What all contenders share, started once.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hash } from '@node-rs/bcrypt'
import type { Test } from 'tap'
import { certificate, openssl } from '../test/fixtures/certificate.js'
import { Child } from './child.js'
import { PASSWORD, USERNAME } from './contenders/contender.js'
import type { World } from './contenders/contender.js'
import { Load } from './load/load.js'
import { keepFolder } from './started.js'

const BCRYPT_COST = 10

/** @param folder - Where the compiled programs are, and room for files. */
export async function startWorld (folder: string): Promise<World> {
  const users = join(folder, 'users')
  writeFileSync(users, `${USERNAME}:${await hash(PASSWORD, BCRYPT_COST)}\n`)
  const origins = await Child.start(folder, 'origins', 'load')
  return { folder, origins, load: new Load(folder), disturbance: new Load(folder), users, ...openssl.skip === false && { certificate: certificateFiles() } }
}

function certificateFiles (): NonNullable<World['certificate']> {
  const made = certificate({ teardown: () => {} } as Pick<Test, 'teardown'>, 'localhost')
  keepFolder(dirname(made.certFile))
  return made
}
