import type { Account, Scheme } from './exchange.js'

const ALICE: Account = { username: 'alice', password: 'alice-secret' }
const WRONG: Account = { username: 'alice', password: 'wrong' }

/** The columns. Another scheme is another line: the accounts are those of examples/gateway.ts. */
export const schemes: readonly Scheme[] = [
  { name: 'Basic', token: 'Basic', env: { SCHEMES: 'basic' }, right: ALICE, wrong: WRONG },
  { name: 'Digest SHA-256', token: 'Digest', env: { SCHEMES: 'digest' }, right: ALICE, wrong: WRONG },
  { name: 'Digest MD5', token: 'Digest', env: { SCHEMES: 'digest', DIGEST_ALGORITHMS: 'MD5' }, right: ALICE, wrong: WRONG },
  {
    name: 'Bearer',
    token: 'Bearer',
    env: { SCHEMES: 'bearer' },
    right: { ...ALICE, value: 'Bearer alice-token' },
    wrong: { ...WRONG, value: 'Bearer wrong-token' }
  },
  { name: 'NTLM', token: 'NTLM', env: { SCHEMES: 'ntlm' }, right: ALICE, wrong: WRONG, connectionBound: true }
]
