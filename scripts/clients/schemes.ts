import { signAws4 } from 'fastify-proxy-auth'
import type { Test } from 'tap'
import { kdc } from '../../test/fixtures/kdc.js'
import { kerberos } from '../../test/fixtures/kerberos.js'
import type { Account, Scheme } from './exchange.js'

// The accounts are those of demo/gateway.ts.
const ALICE: Account = { username: 'alice', password: 'alice-secret' }
const WRONG: Account = { username: 'alice', password: 'wrong' }

export const BASIC: Scheme = {
  name: 'Basic',
  token: 'Basic',
  env: { SCHEMES: 'basic' },
  right: ALICE,
  wrong: WRONG,
  fields: ({ username, password }) => ({ 'Proxy-Authorization': `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` })
}

const BEFORE: readonly Scheme[] = [
  BASIC,
  { name: 'Digest SHA-256', token: 'Digest', env: { SCHEMES: 'digest' }, right: ALICE, wrong: WRONG },
  { name: 'Digest MD5', token: 'Digest', env: { SCHEMES: 'digest', DIGEST_ALGORITHMS: 'MD5' }, right: ALICE, wrong: WRONG },
  {
    name: 'Bearer',
    token: 'Bearer',
    env: { SCHEMES: 'bearer' },
    right: ALICE,
    wrong: WRONG,
    fields: account => ({ 'Proxy-Authorization': `Bearer ${account === ALICE ? 'alice' : 'wrong'}-token` })
  },
  { name: 'NTLM', token: 'NTLM', env: { SCHEMES: 'ntlm' }, right: ALICE, wrong: WRONG, connectionBound: true }
]

const AWS4: Scheme = {
  name: 'AWS4-HMAC-SHA256',
  token: 'AWS4-HMAC-SHA256',
  env: { SCHEMES: 'aws4' },
  right: ALICE,
  wrong: WRONG,
  isWide: true,
  fields: ({ username, password }, { method, target }) => {
    const headers: Record<string, string> = method === 'CONNECT' ? {} : { host: new URL(target).host }
    const { 'proxy-authorization': value, ...rest } = signAws4({ method, target, headers }, {
      accessKeyId: username, secretAccessKey: password, region: 'local', service: 'proxy'
    })
    return { 'Proxy-Authorization': value!, ...rest }
  }
}

/** Basic at a gateway that has a parent. */
const BY_PARENT: Scheme = { ...BASIC, name: 'Basic, through a parent', byParent: true }

/** The columns, and why one is left out. */
export async function startSchemes (t: Test): Promise<{ schemes: Scheme[], leftOut: string | false }> {
  const { skip } = kerberos
  return { schemes: [...BEFORE, ...skip === false ? [await negotiate(t)] : [], AWS4, BY_PARENT], leftOut: skip !== false && `Negotiate: ${skip}` }
}

/** Its password is a ticket of a realm. The wrong one is of another realm of that name, whose keys the gateway does not have. */
async function negotiate (t: Test): Promise<Scheme> {
  const account = async (): Promise<{ account: Account, env: Record<string, string> }> => {
    const { env, cache } = await kdc(t)
    return { account: { ...ALICE, env: { KRB5_CONFIG: env['KRB5_CONFIG']!, KRB5CCNAME: cache('alice') } }, env }
  }
  const [ours, theirs] = [await account(), await account()]
  Object.assign(process.env, ours.env) // the gateway's keytab
  return { name: 'Negotiate', token: 'Negotiate', env: { SCHEMES: 'negotiate' }, right: ours.account, wrong: theirs.account, connectionBound: true }
}
