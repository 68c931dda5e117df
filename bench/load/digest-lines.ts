// Digest credentials for the requests of a load, made before it.
import { writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { answerDigestChallenge } from 'fastify-proxy-auth'
import type { Loaded } from './load.js'

export interface DigestLines {
  readonly port: number
  readonly target: string
  readonly username: string
  readonly password: string
  /** How many are needed at most. */
  readonly count: number
  /** Where they are written, one a line. */
  readonly file: string
}

/** All for one nonce, counted up, and none twice. */
export async function digestLines ({ port, target, username, password, count, file }: DigestLines): Promise<Partial<Loaded>> {
  const challenge = await new Promise<string>((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: target, agent: false }, (response) => {
      response.resume()
      resolve([response.headers['proxy-authenticate']].flat().join(', '))
    }).once('error', reject)
  })
  // The path is what clients sign, whatever stands before it.
  const { pathname: uri } = new URL(target)
  const lines = Array.from({ length: count }, (_, i) => {
    return answerDigestChallenge(challenge, { username, password, method: 'GET', uri, nc: i + 1, cnonce: `cnonce-${i}` })!.credentials
  })
  writeFileSync(file, lines.join('\n'))
  return { units: count }
}
