// What must be nowhere but in the credentials of a client: the accounts of the gateway under test, and the traces that they
// leave in text.

export const REALM = 'Fuzz'
export const USER = 'alice'
export const PASSWORD = 'CanaryPassword7f3a'
export const TOKEN = 'CanaryToken91c2'
export const AWS4_KEY = 'AKALICE'
export const AWS4_SECRET = 'CanarySecretKey5d'

const PAIR = `${USER}:${PASSWORD}`

export const BASIC = `Basic ${Buffer.from(PAIR).toString('base64')}`
export const BEARER = `Bearer ${TOKEN}`

/** Of bob, whose credentials are right and no secret: they stand where a secret would be no leak, in a content for one. */
export const OTHER_PASSWORD = 'another-password'
export const OTHER_BASIC = `Basic ${Buffer.from(`bob:${OTHER_PASSWORD}`).toString('base64')}`

/** Texts that give a secret away. */
export const TRACES: readonly string[] = [
  PASSWORD, TOKEN, AWS4_SECRET, BASIC.slice('Basic '.length).replace(/=+$/, ''), Buffer.from(PASSWORD).toString('hex')
]
