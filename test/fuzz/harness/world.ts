import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { answerDigestChallenge, signAws4 } from '../../../lib/index.js'
import { certificate } from '../../fixtures/certificate.js'
import { closedPort } from '../../fixtures/closed-port.js'
import { ownProgram } from '../../fixtures/own-program.js'
import { FaultOfNode, Finding } from './finding.js'
import { AWS4_KEY, AWS4_SECRET, BASIC, BEARER, OTHER_BASIC, PASSWORD, TRACES, USER } from './secrets.js'
import { StrictOrigin } from './strict-origin.js'
import { TunnelEnd, echo } from './tunnel-end.js'

/** HTTP/1.1; the same over TLS; HTTP/2 with prior knowledge; HTTP/2 and HTTP/1.1 by ALPN. */
export type Listener = 'plain' | 'tls' | 'h2c' | 'h2'

/** What the gateway's process has to know. */
export interface Setup {
  readonly origin: number
  readonly tunnels: readonly number[]
  readonly cert: string
  readonly key: string
}

/** What it is asked at the end of a run. */
export interface Question {
  /** How many it must have seen. */
  readonly connections: number
  readonly traces: readonly string[]
  /** How long it may wait for the end of what the run has left, in ms. */
  readonly limit: number
  /** Whether it may end what is left of the connections of HTTP/2. */
  readonly broken: boolean
}

/** What the gateway's process tells of a run. */
export interface Settled {
  /** Resources that hold its event loop, beyond those at first. */
  readonly left: Readonly<Record<string, number>>
  /** What node knows of the connections that are left. */
  readonly sockets: readonly string[]
  readonly faults: readonly string[]
  /** Lines of the log with a trace of a secret. */
  readonly leaks: readonly string[]
  /** Lines of the log at level error. */
  readonly errors: readonly string[]
  /** Of the errors of ours in the log. */
  readonly codes: readonly string[]
}

/** What a client does: sends text, in which placeholders are filled; waits; reads nothing from here on. */
export type Step = string | { readonly pause: number } | { readonly wait: 'response' } | { readonly read: boolean }

export interface Dialogue {
  readonly listener: Listener
  readonly steps: readonly Step[]
  /** How the client leaves: `fin` says that no more comes and reads to the end, `rst` resets. */
  readonly end: 'fin' | 'rst'
}

/** What has come of a dialogue. One char per octet. */
export interface Conversation {
  sent: string
  received: string
  /** The gateway has ended the connection, in time. */
  closed: boolean
}

/** How long anything may take that is over in milliseconds on a machine at rest. */
export const PATIENCE = 6000
/**
 * How long something may be left behind. A TLS socket whose client resets it while node still writes its session tickets never
 * completes a write, in all versions of node: the gateway's limit for reading a refusal, 10 seconds, is what ends it.
 */
const LEFT_FOR = 13_000

/** A gateway with everything switched on, an origin, ends of tunnels, and the questions that every fuzzer asks after a run. */
export class World extends EventEmitter<{ conversation: [Conversation] }> {
  /** Ports of the gateway. */
  ports!: Readonly<Record<Listener, number>>
  /** Credentials that are right, for this run. */
  readonly granted = new Set<string>()
  /** How many a client has opened to the gateway, in this run. A fuzzer that opens its own counts them here. */
  connections = 0
  /** Texts that must be nowhere, for this run. */
  traces: string[] = [...TRACES]
  readonly origin = new StrictOrigin(() => {})
  /** Where tunnels may lead, by the placeholder's name. */
  readonly tunnels: Readonly<Record<'tunnel' | 'talker' | 'resetter', TunnelEnd>> = {
    tunnel: new TunnelEnd(echo),
    talker: new TunnelEnd((socket, send) => { send('HTTP/1.1 200 OK\r\nX-Id: tunnel\r\n\r\n'); socket.end() }),
    resetter: new TunnelEnd(socket => { socket.once('data', () => socket.resetAndDestroy()) })
  }

  private readonly authorities: Record<string, string> = {}
  private readonly undo: Array<() => unknown> = []
  private child: ChildProcess | undefined
  private stderr = ''
  private setup!: Setup
  private challenge: { text: string, count: number, since: number } | undefined

  static async start (): Promise<World> {
    const world = new World()
    const { certFile, keyFile } = certificate({ teardown: (undo: () => unknown) => { world.undo.push(undo) } }, 'gateway.test')
    const origin = await world.origin.listen()
    const tunnels: number[] = []
    for (const [name, tunnel] of Object.entries(world.tunnels)) {
      const port = await tunnel.listen()
      tunnels.push(port)
      world.authorities[name] = `127.0.0.1:${port}`
    }
    const closed = await closedPort()
    world.authorities['origin'] = `127.0.0.1:${origin}`
    world.authorities['named'] = `origin.test:${origin}`
    world.authorities['closed'] = `127.0.0.1:${closed}`
    world.setup = { origin, tunnels: [...tunnels, closed], cert: certFile, key: keyFile }
    await world.startGateway()
    return world
  }

  async stop (): Promise<void> {
    this.child?.kill('SIGKILL')
    this.origin.close()
    for (const tunnel of Object.values(this.tunnels)) tunnel.close()
    for (const undo of this.undo) undo()
  }

  /** `host:port` by the placeholder's name. */
  authority (name: string): string {
    return this.authorities[name]!
  }

  /** Forgets the run before. */
  reset (): void {
    this.origin.reset()
    for (const tunnel of Object.values(this.tunnels)) tunnel.reset()
    this.connections = 0
    this.granted.clear()
    this.granted.add(BASIC).add(BEARER).add(OTHER_BASIC)
    this.traces = [...TRACES]
  }

  /**
   * Fills the placeholders: `<origin>`, `<named>`, `<tunnel>`, `<talker>`, `<resetter>` and `<closed>` become authorities; `<basic>`,
   * `<bearer>`, `<digest METHOD TARGET>` and `<aws4 METHOD TARGET HOST>` right credentials. Others stay as they are.
   */
  async fill (text: string): Promise<string> {
    const known = text.replace(/<(\w+)>/g, (whole, name: string) => {
      if (name === 'basic') return BASIC
      if (name === 'bearer') return BEARER
      return this.authorities[name] ?? whole
    })
    let filled = ''
    let at = 0
    for (const match of known.matchAll(/<(digest|aws4) ([A-Z]+) ([\x21-\x3b\x3d\x3f-\x7e]+)(?: ([\x21-\x3b\x3d\x3f-\x7e]+))?>/g)) {
      const [whole, scheme, method = '', target = '', host = ''] = match
      filled += known.slice(at, match.index)
      filled += scheme === 'digest' ? await this.digest(method, target) ?? whole : this.aws4(method, target, host) ?? whole
      at = match.index + whole.length
    }
    return filled + known.slice(at)
  }

  private grant (credentials: string, trace: string | undefined): string {
    this.granted.add(credentials)
    if (trace !== undefined) this.traces.push(trace)
    return credentials
  }

  /** Right credentials of AWS4, and behind them the lines of other fields that they need. */
  aws4 (method: string, target: string, host: string): string | null {
    try {
      const { 'proxy-authorization': credentials = '', ...fields } = signAws4({ method, target, headers: { host } },
        { accessKeyId: AWS4_KEY, secretAccessKey: AWS4_SECRET, region: 'local', service: 'proxy' })
      this.grant(credentials, /Signature=(\w+)/.exec(credentials)?.[1])
      return [credentials, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`)].join('\r\n')
    } catch {
      return null // nothing that can be signed
    }
  }

  private async digest (method: string, uri: string): Promise<string | null> {
    if (this.challenge === undefined || Date.now() - this.challenge.since > 60_000) {
      const { received } = await this.converse({ listener: 'plain', steps: ['GET /api/ HTTP/1.1\r\nHost: gateway.test\r\n\r\n'], end: 'fin' })
      const text = /^proxy-authenticate: (Digest .*)\r$/im.exec(received)?.[1]
      if (text === undefined) return null
      this.challenge = { text, count: 0, since: Date.now() }
    }
    this.challenge.count += 1
    try {
      const { credentials } = answerDigestChallenge(this.challenge.text, {
        method, uri, username: USER, password: PASSWORD, nc: this.challenge.count, cnonce: `c${this.challenge.count}`
      })!
      return this.grant(credentials, /response="(\w+)"/.exec(credentials)?.[1])
    } catch {
      return null
    }
  }

  /**
   * A client's connection, from its first octet to its end.
   *
   * @param enough - Whether all has come that may come: node takes a FIN before that for the end of its requests too. Not waited for long.
   */
  async converse (dialogue: Dialogue, enough: (conversation: Conversation) => boolean = () => true): Promise<Conversation> {
    const conversation: Conversation = { sent: '', received: '', closed: false }
    await this.hold(dialogue, conversation, enough)
    this.emit('conversation', conversation)
    return conversation
  }

  private async hold ({ listener, steps, end }: Dialogue, conversation: Conversation, enough: (conversation: Conversation) => boolean): Promise<void> {
    const tls = listener === 'tls' || listener === 'h2'
    const where = { host: '127.0.0.1', port: this.ports[listener], allowHalfOpen: true, noDelay: true }
    const bare = connect(where)
    const socket: Socket = tls ? connectTls({ socket: bare, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }) : bare
    let wake = (): void => {}
    let over = false
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => { conversation.received += chunk; wake() })
    for (const each of [bare, socket]) each.on('error', () => {})
    socket.on('end', () => { over = true; wake() })
    socket.on('close', () => { over = conversation.closed = true; wake() })
    const wakened = async (limit: number): Promise<void> => await new Promise(resolve => {
      const timer = setTimeout(resolve, limit)
      wake = () => { clearTimeout(timer); wake = () => {}; resolve() }
    })
    bare.once('connect', () => { this.connections += 1 })
    if (bare.connecting) await new Promise(resolve => { for (const event of ['connect', 'close']) bare.once(event, resolve) })
    for (const step of steps) {
      if (over) break
      if (typeof step === 'string') {
        const text = await this.fill(step)
        conversation.sent += text
        if (!socket.destroyed) socket.write(text, 'latin1')
      } else if ('pause' in step) await wakened(step.pause)
      else if ('wait' in step) {
        if (conversation.received === '') await wakened(30)
      } else if (step.read) socket.resume()
      else socket.pause()
    }
    if (end === 'rst') {
      bare.resetAndDestroy()
      conversation.closed = true
      return
    }
    socket.resume()
    const isOver = (): boolean => over || enough(conversation)
    for (const until = Date.now() + 200; !isOver() && Date.now() < until;) await wakened(until - Date.now())
    socket.end()
    for (const until = Date.now() + PATIENCE; !conversation.closed && Date.now() < until;) await wakened(until - Date.now())
    socket.destroy()
  }

  /**
   * The end of each run: all connections of origins go, then nothing of it may be left in the gateway.
   *
   * @param broken - Connections of HTTP/2 may have been broken by an error: what is left of them is ended first.
   * @returns What the gateway's log says.
   * @throws {Finding | FaultOfNode}
   */
  async settle (broken = false): Promise<Settled> {
    this.origin.disconnect()
    for (const tunnel of Object.values(this.tunnels)) tunnel.disconnect()
    const told = await this.ask(broken)
    await Promise.all([this.origin, ...Object.values(this.tunnels)].map(async each => { await each.quiet() }))
    if (told === null) {
      const words = this.stderr
      await this.startGateway()
      if (FaultOfNode.is(words)) throw new FaultOfNode()
      throw new Finding(`the process ended: ${/^\w*Error.*$/m.exec(words)?.[0] ?? ''}`.replace(/\d{2,}/g, 'n'), words.slice(-2000))
    }
    if (told.faults.length > 0) throw new Finding('unhandled', told.faults)
    if (told.leaks.length > 0) throw new Finding('a secret in the log', told.leaks)
    const failed = told.errors.find(line => line.includes('FST_PROXY_AUTH_LISTENER_FAILED'))
    if (failed !== undefined) throw new Finding('a listener failed', failed)
    if (Object.keys(told.left).length > 0) {
      const { left, sockets } = told
      await this.restart()
      throw new Finding(`left behind: ${Object.keys(left).join(', ')}`, { left, sockets })
    }
    return told
  }

  /** @returns `null`: the process has ended. */
  private async ask (broken: boolean): Promise<Settled | null> {
    const child = this.child!
    if (child.exitCode !== null || child.signalCode !== null || !child.connected) return null
    return await new Promise(resolve => {
      const exited = (): void => resolve(null)
      child.once('exit', exited)
      child.once('message', told => { child.off('exit', exited); resolve(told as Settled) })
      child.send({ connections: this.connections, traces: this.traces, limit: LEFT_FOR, broken } satisfies Question, error => { if (error !== null) resolve(null) })
    })
  }

  private async restart (): Promise<void> {
    const child = this.child!
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await this.startGateway()
  }

  private async startGateway (): Promise<void> {
    this.stderr = ''
    this.challenge = undefined
    const { execArgv, file } = ownProgram(new URL('gateway-child.ts', import.meta.url))
    const child = fork(file, [JSON.stringify(this.setup)], {
      execArgv: [...execArgv, '--unhandled-rejections=warn'], stdio: ['ignore', 'ignore', 'pipe', 'ipc']
    })
    this.child = child
    child.stderr!.setEncoding('utf8').on('data', (text: string) => { this.stderr = (this.stderr + text).slice(-20_000) })
    const ready = await Promise.race([once(child, 'message'), once(child, 'exit')])
    const { ports } = (ready[0] ?? {}) as { ports?: Record<Listener, number> }
    if (ports === undefined) throw new Error(`the gateway does not start: ${this.stderr}`)
    this.ports = ports
    this.reset()
  }
}
