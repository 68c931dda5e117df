// A client that opens tunnels, over a connection for each or as streams of one session.
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Listener } from '../contenders/node.js'
import { connectTo } from './socket.js'

/** By what proxy, and to where. */
export interface Route {
  readonly port: number
  readonly listener: Listener
  readonly target: string
  readonly credentials: string
}

export class Tunnel {
  stream!: Duplex
  /** What comes. The chunk is good until it returns. */
  receive: (chunk: Buffer) => void = () => {}
}

export class Client {
  private readonly session: ClientHttp2Session | undefined

  constructor (private readonly route: Route) {
    if (route.listener !== 'http2') return
    this.session = connectHttp2(`http://127.0.0.1:${route.port}`, { maxSessionMemory: 4096, settings: { initialWindowSize: 1024 * 1024 } })
    this.session.once('connect', (session) => session.setLocalWindowSize(16 * 1024 * 1024))
  }

  /** Resolves when the proxy has given it. */
  async open (): Promise<Tunnel> {
    return await (this.session === undefined ? this.openSocket() : this.openStream(this.session))
  }

  close (): void {
    this.session?.destroy()
  }

  private openSocket (): Promise<Tunnel> {
    const { port, listener, target, credentials } = this.route
    return new Promise((resolve, reject) => {
      const tunnel = new Tunnel()
      let head = ''
      tunnel.receive = (chunk) => {
        head += chunk.toString('latin1')
        if (!head.includes('\r\n\r\n')) return
        tunnel.receive = () => {}
        if (/^HTTP\/1\.[01] 200 /.test(head)) resolve(tunnel)
        else reject(new Error(head.slice(0, head.indexOf('\r\n'))))
      }
      tunnel.stream = listener === 'tls'
        ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('data', (chunk) => tunnel.receive(chunk))
        : connectTo(port, (chunk) => tunnel.receive(chunk))
      tunnel.stream.on('error', reject).on('close', () => reject(new Error('the connection was closed')))
      tunnel.stream.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: ${credentials}\r\n\r\n`)
    })
  }

  private openStream (session: ClientHttp2Session): Promise<Tunnel> {
    const { target, credentials } = this.route
    return new Promise((resolve, reject) => {
      const tunnel = new Tunnel()
      const stream = session.request({ ':method': 'CONNECT', ':authority': target, 'proxy-authorization': credentials }, { endStream: false })
      tunnel.stream = stream
      stream.on('error', reject).on('close', () => reject(new Error('the stream was closed')))
      stream.on('response', ({ ':status': status }) => {
        if (Number(status) === 200) resolve(tunnel)
        else reject(new Error(`status ${status}`))
      })
      stream.on('data', (chunk) => tunnel.receive(chunk))
    })
  }
}
