import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Agent as HttpsAgent } from 'node:https'
import axios from 'axios'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { Agent, ProxyAgent, request } from 'undici'
import type { Dispatcher } from 'undici'
import { fieldsOf, isGiven, isReady, withAccount } from './exchange.js'
import type { Cell, Client, Exchange, Told } from './exchange.js'
import { BASIC_ONLY, NODE_DIRECT } from './reasons.js'
import { BASIC } from './schemes.js'

/** Runs an exchange in this process. */
function each (fetch: (exchange: Exchange) => Promise<number>): Client['run'] {
  return async exchanges => {
    const told: Told[] = []
    for (const exchange of exchanges) {
      told.push(await fetch(exchange).then(
        status => ({ served: status === 200, says: String(status) }),
        (error: Error) => ({ served: false, says: `${error.name}: ${error.message}` })
      ))
    }
    return told
  }
}

/** Basic, or fields that it is given. */
function cannot (cell: Cell): ReturnType<Client['cannot']> {
  if (isReady(cell)) return undefined
  return cell.form === 'origin-form' ? NODE_DIRECT : BASIC_ONLY
}

const undici = each(async exchange => {
  const { form, proxy, url, ca: { cert } } = exchange
  const asked: Exchange = form === 'absolute-form' && proxy.protocol === 'https:' ? { ...exchange, form: 'CONNECT' } : exchange // (C-32)
  const fields = fieldsOf(isReady(exchange) ? asked : { ...asked, scheme: BASIC })
  const dispatcher: Dispatcher = form === 'origin-form'
    ? new Agent({ connect: { ca: cert } })
    : new ProxyAgent({ uri: proxy.origin, headers: fields, proxyTunnel: form === 'CONNECT', requestTls: { ca: cert }, proxyTls: { ca: cert } })
  try {
    const headers = form === 'origin-form' ? fields : {}
    const { statusCode, body } = await request(url, { dispatcher, headers })
    await body.dump()
    return statusCode
  } finally {
    await dispatcher.destroy()
  }
})

function proxyAgent (exchange: Exchange): HttpsProxyAgent<string> {
  const { proxy, ca: { cert } } = exchange
  return isGiven(exchange)
    ? new HttpsProxyAgent(proxy, { ca: cert, headers: fieldsOf(exchange) })
    : new HttpsProxyAgent(withAccount(exchange), { ca: cert })
}

const httpsProxyAgent = each(async exchange => await new Promise<number>((resolve, reject) => {
  const { url, ca: { cert } } = exchange
  httpsRequest(url, { agent: proxyAgent(exchange), ca: cert, timeout: 30_000 }, response => {
    response.resume().on('end', () => resolve(response.statusCode!)).on('error', reject)
  }).on('error', reject).end()
}))

const axiosWithAgent = each(async exchange => {
  const { form, account, proxy, url, ca: { cert } } = exchange
  const own = isGiven(exchange)
  const { status } = await axios.get<unknown>(url.href, {
    validateStatus: () => true,
    timeout: 30_000,
    headers: own && form !== 'CONNECT' ? fieldsOf(exchange) : {},
    ...(form === 'origin-form' && { proxy: false as const, httpsAgent: new HttpsAgent({ ca: cert }) }),
    ...(form === 'CONNECT' && { proxy: false as const, httpsAgent: Object.assign(proxyAgent(exchange), { options: { ca: cert } }) }),
    ...(form === 'absolute-form' && {
      // Its own proxy support sends absolute-form; an `https:` proxy goes by the agent of the target, which is http.
      proxy: {
        protocol: proxy.protocol,
        host: proxy.hostname,
        port: Number(proxy.port),
        ...(!own && { auth: { username: account.username, password: account.password } })
      },
      httpsAgent: new HttpsAgent({ ca: cert })
    })
  })
  return status
})

/** What a container engine does: asks the registry who it wants, gets a token, then the manifest and each layer. */
const registryPull = each(async exchange => {
  const { form, proxy, url, ca: { cert } } = exchange
  const get = async (path: string, authorization?: string): Promise<{ status: number, challenge: string, body: string }> => await new Promise((resolve, reject) => {
    const target = form === 'origin-form' ? new URL(url.href + path) : new URL(path, url)
    const own = { 'user-agent': 'docker/24.0.7', accept: '*/*', ...(authorization !== undefined && { authorization }) }
    const credentials = fieldsOf(exchange, target)
    const sent = form === 'CONNECT'
      ? httpsRequest(target, { agent: new HttpsProxyAgent(proxy, { ca: cert, headers: credentials }), ca: cert, headers: own })
      : (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
          host: proxy.hostname, port: proxy.port, path: form === 'absolute-form' ? target.href : target.pathname + target.search, headers: { ...own, ...credentials, host: target.host }, ca: cert
        })
    sent.on('error', reject).on('response', response => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk })
      response.on('end', () => resolve({ status: response.statusCode!, challenge: response.headers['www-authenticate'] ?? '', body }))
    }).end()
  })
  const { status, challenge } = await get('/v2/')
  if (status !== 401 || !challenge.startsWith('Bearer ')) return status
  const { token } = JSON.parse((await get('/token?service=registry&scope=repository:hello:pull')).body) as { token: string }
  const bearer = `Bearer ${token}`
  const { layers } = JSON.parse((await get('/v2/hello/manifests/latest', bearer)).body) as { layers: Array<{ digest: string }> }
  return (await get(`/v2/hello/blobs/${layers[0]!.digest}`, bearer)).status
})

/** The clients of this process. */
export const inNode: readonly Client[] = [
  { name: 'undici', skip: false, cannot, run: undici },
  { name: 'https-proxy-agent', skip: false, forms: ['CONNECT'], cannot, run: httpsProxyAgent },
  { name: 'axios', skip: false, cannot, run: axiosWithAgent },
  { name: 'registry pull', skip: false, cannot, run: registryPull }
]
