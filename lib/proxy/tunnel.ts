import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ClientLeft } from '../errors.js'
import type { Access } from '../policy/access.js'
import type { Milliseconds } from '../types.js'
import { connectOf } from './connect.js'
import { dial } from './dial.js'
import type { Exchanges } from './exchanges.js'
import { join } from './join.js'
import type { JoinOptions } from './join.js'
import { record } from './record.js'
import { receive } from './target-form.js'
import { upstreamError } from './upstream-error.js'

export interface TunnelOptions extends JoinOptions {
  readonly access: Access
  readonly exchanges: Exchanges
  readonly connectTimeout: Milliseconds
  readonly localAddress?: string | undefined
}

/**
 * The handler of CONNECT: policy, dial, 200, two pipes (RFC 9110, 9.3.6). The 200 goes out when the target has
 * answered, as exactly that status and without framing, because most clients take nothing else.
 */
export function createTunnel (options: TunnelOptions) {
  return async function tunnel (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { socket, head, response } = connectOf(request.raw)!
    const end = record(request, request.raw.url!)
    const upstream = await open(request, socket, options).catch(error => {
      end({ status: error.statusCode, bytesIn: 0, bytesOut: 0, reason: error.code })
      throw error
    })

    reply.hijack()
    response.statusCode = 200
    const client = response.take()
    client.write(successHead(reply), 'latin1')
    if (head.length > 0) upstream.write(head)

    const exchange = join(client, upstream, options, reason => {
      options.exchanges.delete(exchange)
      end({ status: 200, bytesIn: upstream.bytesWritten, bytesOut: upstream.bytesRead, reason })
      response.emit('finish') // Fastify's onResponse hooks and its own log line wait for it
    })
    options.exchanges.add(exchange)
    return reply
  }
}

/** Policy first, then one resolution, then the dial: a refusal leaves no connection and no look-up behind. */
async function open (request: FastifyRequest, client: Socket, { access, ...options }: TunnelOptions): Promise<Socket> {
  const target = receive(request.raw)!.target
  if (target?.form !== 'authority') throw new TypeError('CONNECT without an authority')
  const admitted = await access.admit({ host: target.host, port: target.port, scheme: 'connect' }, request.proxyAuth)
  const addresses = await access.resolve(admitted)

  const gone = new AbortController()
  const leave = () => gone.abort(new ClientLeft())
  client.once('close', leave)
  if (client.destroyed) leave()
  try {
    return await dial(addresses, target.port, { ...options, signal: gone.signal })
  } catch (cause) {
    throw upstreamError(cause)
  } finally {
    client.removeListener('close', leave)
  }
}

function successHead (reply: FastifyReply): string {
  let head = 'HTTP/1.1 200 Connection established\r\n'
  for (const name of ['proxy-authentication-info', 'proxy-authenticate']) {
    const value = reply.getHeader(name)
    if (value !== undefined) head += `${name}: ${String(value)}\r\n`
  }
  return `${head}\r\n`
}
