/**
 * What a strategy keeps from one leg of a handshake to the next: its challenge, its security
 * context.
 */
export interface HandshakeState {
  /**
   * Called once, when this state will not be asked for again: the next leg has had it and did not
   * keep it again, the client has started over or gone, or the handshake took too long. It must not
   * throw.
   */
  end? (): void
}

/**
 * One leg of a handshake, as a strategy of a connection-bound scheme (NTLM, Negotiate) sees it, in
 * `request.handshake`. The gate has one for each request with credentials of such a scheme, on
 * HTTP/1.1 connections of one user.
 *
 * A strategy judges a leg in one of three ways:
 * - **more legs**: `handshake.keep(state)`, then `fail('NTLM <token68>')`. That challenge goes out
 *   alone, with 407, and the connection stays open. The request is not forwarded, nor does another
 *   strategy see it.
 * - **right**: `success(user, info)`. The identity holds for all later requests of the connection
 *   that bring no credentials. A last token for the client goes into `info.proxyAuthenticate`, as a
 *   challenge: `{ scheme: 'Negotiate', token68 }`.
 * - **wrong**: `fail()`, or `fail('NTLM')`. All challenges of the route go out, and the handshake
 *   is over.
 *
 * An error is 500 or 503 and ends the handshake too.
 */
export interface Handshake {
  /**
   * What this strategy kept on the leg before, handed out once: `undefined` on a first leg, and
   * where it is gone.
   */
  readonly kept: HandshakeState | undefined
  /**
   * Keeps a state for the next leg on this connection.
   *
   * @throws {TooManyHandshakes} As many as allowed are under way. Let it go through: it is 503.
   */
  keep (state: HandshakeState): void
}
