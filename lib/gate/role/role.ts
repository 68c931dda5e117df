/** The names that HTTP has for one side or the other of authentication. */
export interface Role {
  readonly status: 407 | 401
  /** The field with the credentials. */
  readonly credentials: 'proxy-authorization' | 'authorization'
  /** The field with the challenges. */
  readonly challenge: 'proxy-authenticate' | 'www-authenticate'
  /** The field with what a scheme says on success. */
  readonly info: 'proxy-authentication-info' | 'authentication-info'
}

/** A proxy towards its clients (RFC 9110, 11.7). */
export const PROXY: Role = Object.freeze({
  status: 407, credentials: 'proxy-authorization', challenge: 'proxy-authenticate', info: 'proxy-authentication-info'
})

/** An origin, which a reverse route with `status: 401` is (RFC 9110, 11.6). */
export const ORIGIN: Role = Object.freeze({
  status: 401, credentials: 'authorization', challenge: 'www-authenticate', info: 'authentication-info'
})
