import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ParentDenied, ParentProtocol, UpstreamTimeout } from '../../../errors.js'
import type { Eventual } from '../../../eventual.js'
import { formatAuthority } from '../../../fields/target.js'
import { formatFields, valuesOf } from '../../../fields/raw-list.js'
import type { Parent } from '../../../policy/parent/parent.js'
import type { Milliseconds } from '../../../types.js'
import { connectParent } from './to-parent.js'
import type { ParentConnectionOptions } from './to-parent.js'
import type { Effort } from './effort.js'
import type { Login, LoginAttempt, LoginFields } from '../login/login.js'
import { Octets } from './octets.js'
import { parentFailure, refusedLogin } from '../parent-failure.js'
import { readResponse, skipContent } from './parent-response.js'
import type { ParentResponse } from './parent-response.js'
import { withCredentials } from '../with-credentials.js'

/** What a parent is asked to connect to. */
export interface Endpoint {
  /** A name, or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** What a CONNECT says beside that, as `Via`: a flat raw list. */
  readonly fields: readonly string[]
}

export interface ThroughOptions extends ParentConnectionOptions {
  /** How long a parent may take for its response, all legs of a login included. 0: no limit. */
  readonly headersTimeout: Milliseconds
  /** The most octets of a response's head. */
  readonly maxResponseHead: number
}

/** How often a parent is asked for one connection. Each login has an end of its own before that. */
const MAX_LEGS = 12
/** What keeps its meaning towards the client. */
const PASSED_ON = new Set([403, 502, 503, 504])

/**
 * Connects to a parent, and by CONNECT through it (RFC 9110, 9.3.6), with as many legs as its login
 * takes: on the same connection where the parent keeps it, else on another one. Behind a 2xx all is
 * the target's, whatever its fields say of content.
 *
 * @param responded - Called when the parent has said something that is HTTP.
 * @throws {ParentFailure}
 */
export async function connectByHttp (
  parent: Parent, login: Login, to: Endpoint, effort: Effort, options: ThroughOptions, responded: () => void
): Promise<Socket> {
  const legs = new Legs(parent, login, to, effort, options, responded)
  await legs.connect()
  try {
    return await effort.within(options.headersTimeout, () => new UpstreamTimeout(), () => legs.walk())
  } catch (cause) {
    throw parentFailure(parent, cause, 'connected')
  }
}

class Legs {
  private octets!: Octets
  private attempt!: LoginAttempt
  private certificate: X509Certificate | undefined
  private socket!: Socket
  /** The connection has carried a refusal already. */
  private isUsed = false
  /** A login that binds its connection has lost one, and began once more. */
  private isAnew = false
  private readonly authority: string

  constructor (
    private readonly parent: Parent,
    private readonly login: Login,
    private readonly to: Endpoint,
    private readonly effort: Effort,
    private readonly options: ThroughOptions,
    private readonly responded: () => void
  ) {
    this.authority = formatAuthority(to.host, to.port)
  }

  /** In the place of the connection that there was. */
  async connect (): Promise<void> {
    this.effort.destroy()
    this.socket = await connectParent(this.parent, this.effort, this.options)
    this.octets = new Octets(this.socket, this.effort)
    this.certificate = (this.socket as Partial<TLSSocket>).getPeerX509Certificate?.()
    this.isUsed = false
  }

  async walk (): Promise<Socket> {
    let credentials = await this.begin()
    for (let leg = 0; leg < MAX_LEGS; leg++) {
      const response = await this.ask(credentials)
      if (response === null) credentials = await this.behindSilence(credentials)
      else if (response.status === 407) credentials = await this.behindRefusal(response, credentials)
      else return await this.settle(response)
    }
    throw refusedLogin(this.login.account)
  }

  private begin (): Eventual<LoginFields | null> {
    const { login, authority, certificate, effort } = this
    this.attempt = login.attempt({ method: 'CONNECT', uri: authority, authority, content: false, certificate })
    return effort.wait(this.attempt.first())
  }

  private async ask (credentials: LoginFields | null): Promise<ParentResponse | null> {
    const { authority, to: { fields }, octets, socket, options: { maxResponseHead } } = this
    const own = withCredentials(fields, credentials)
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${formatFields(own)}\r\n`, 'latin1')
    const response = await readResponse(octets, maxResponseHead)
    if (response !== null) this.responded()
    return response
  }

  private async behindRefusal (
    response: ParentResponse, sent: LoginFields | null
  ): Promise<LoginFields | null> {
    const isKept = await skipContent(response, this.octets)
    const challenges = valuesOf(response.fields, 'proxy-authenticate')
    const next = challenges.length === 0 ? null : await this.effort.wait(this.attempt.next(challenges))
    if (next === null) throw refusedLogin(this.login.account)
    if (isKept) {
      this.isUsed = true
      return next
    }
    if (this.login.bindsConnection && sent !== null) return await this.beginAnew(refusedLogin(this.login.account))
    await this.connect()
    return next
  }

  /** The parent has closed the connection, be it behind a refusal that did not say so. */
  private async behindSilence (sent: LoginFields | null): Promise<LoginFields | null> {
    const { loss } = this.octets
    if (!this.isUsed) throw loss
    if (this.login.bindsConnection) return await this.beginAnew(loss)
    await this.connect()
    return sent
  }

  /** What was said on the connection that is gone is of no use on another. */
  private async beginAnew (reason: Error): Promise<LoginFields | null> {
    if (this.isAnew) throw reason
    this.isAnew = true
    await this.connect()
    return await this.begin()
  }

  private async settle ({ status, fields }: ParentResponse): Promise<Socket> {
    const socket = this.octets.release() // before its end can come, behind which nothing can be put back
    const info = valuesOf(fields, 'proxy-authentication-info')
    await this.effort.wait(this.attempt.succeeded(info, valuesOf(fields, 'proxy-authenticate')))
    if (status < 300) return socket
    const failure = PASSED_ON.has(status) ? new ParentDenied(status) : new ParentProtocol()
    throw Object.assign(failure, { receivedStatus: status })
  }
}
