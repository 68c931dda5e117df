const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { createHash } = require('node:crypto')
const { once } = require('node:events')
const { writeFileSync } = require('node:fs')
const http = require('node:http')
const http2 = require('node:http2')
const net = require('node:net')
const { join } = require('node:path')

// Plain JavaScript without a dependency of its own: it is copied into the folder where the package has been installed.

const CREDENTIALS = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`
const PAIR = 'alice:alice-secret'
const WEBSOCKET_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/**
 * Sends every form of request to gateways made with the package, and sets the exit code when one is not served.
 *
 * @param {string} kind - For the output.
 * @param {{ Fastify: Function, plugin: unknown, names: object }} modules - As they have been loaded.
 */
exports.sendRequests = async function sendRequests (kind, modules) {
  const stops = []
  const failures = []
  try {
    const origin = await startOrigin(stops)
    const one = await startGateway(modules, origin, {}, stops)
    const two = await startGateway(modules, origin, { http2: true }, stops)
    for (const [name, check] of Object.entries(CHECKS)) {
      try {
        await check({ origin, one, two })
      } catch (error) {
        failures.push(`${name}: ${error.message}`)
      }
    }
  } finally {
    for (const stop of stops.reverse()) await stop()
  }
  console.log(`${kind}: ${Object.keys(CHECKS).length - failures.length} of ${Object.keys(CHECKS).length} served`)
  for (const failure of failures) console.error(`${kind}, ${failure}`)
  if (failures.length > 0) process.exitCode = 1
}

const CHECKS = {
  'absolute-form, curl': async ({ origin, one }) => {
    assert.equal(await curl('-x', one.url, `${origin.url}/x?y`), '407')
    assert.equal(await curl('-x', one.url, '-U', PAIR, '--proxy-basic', `${origin.url}/x?y`), '200')
    assert.equal(await curl('-x', one.url, '-U', PAIR, '--proxy-digest', `${origin.url}/%zz?y=%zz`), '200')
  },
  'CONNECT over HTTP/1.1, curl': async ({ origin, one }) => {
    assert.equal(await curl('-p', '-x', one.url, `${origin.url}/`), '000')
    assert.equal(await curl('-p', '-x', one.url, '-U', PAIR, '--proxy-basic', `${origin.url}/`), '200')
    assert.equal(await curl('-p', '-x', one.url, '-U', PAIR, '--proxy-digest', `${origin.url}/`), '200')
  },
  'CONNECT over HTTP/1.1, node': async ({ origin, one }) => {
    const refused = await connect(one, origin, {})
    assert.equal(refused.status, 407)
    const tunnel = await connect(one, origin, { 'Proxy-Authorization': CREDENTIALS })
    assert.equal(tunnel.status, 200)
    assert.equal(await getThrough(tunnel.socket, origin), 200)
  },
  'CONNECT over HTTP/2, node': async ({ origin, two }) => {
    const session = http2.connect(two.url)
    try {
      const ask = async (fields) => {
        const stream = session.request({ ':method': 'CONNECT', ':authority': origin.authority, ...fields }, { endStream: false })
        stream.on('error', () => {})
        const [{ ':status': status }] = await once(stream, 'response')
        return { status, socket: stream }
      }
      assert.equal((await ask({})).status, 407)
      const tunnel = await ask({ 'proxy-authorization': CREDENTIALS })
      assert.equal(tunnel.status, 200)
      tunnel.socket.write(`GET / HTTP/1.1\r\nHost: ${origin.authority}\r\nConnection: close\r\n\r\n`)
      assert.match(String(await once(tunnel.socket, 'data')), /^HTTP\/1\.1 200 /)
    } finally {
      session.destroy()
    }
  },
  'another authority over HTTP/2, node': async ({ origin, two }) => {
    const session = http2.connect(two.url)
    try {
      const ask = async (fields) => {
        const stream = session.request({ ':scheme': 'http', ':authority': origin.authority, ':path': '/x', ...fields })
        const [{ ':status': status }] = await once(stream, 'response')
        return status
      }
      assert.equal(await ask({}), 407)
      assert.equal(await ask({ 'proxy-authorization': CREDENTIALS }), 200)
    } finally {
      session.destroy()
    }
  },
  'reverse, curl': async ({ one, two }) => {
    assert.equal(await curl(`${one.url}/api/x`), '407')
    assert.equal(await curl('-H', `Proxy-Authorization: ${CREDENTIALS}`, `${one.url}/api/x`), '200')
    assert.equal(await curl('--http2-prior-knowledge', '-H', `Proxy-Authorization: ${CREDENTIALS}`, `${two.url}/api/x`), '200')
    assert.equal(await curl('-H', `Proxy-Authorization: ${CREDENTIALS}`, '-H', 'Accept-Version: 1.x', '-d', 'content', `${one.url}/api/x`), '200')
  },
  'WebSocket, reverse': async ({ one }) => {
    assert.equal(await webSocket(one.port, '/api/ws', {}), 407)
    assert.equal(await webSocket(one.port, '/api/ws', { 'Proxy-Authorization': CREDENTIALS }), 'echo')
  },
  'WebSocket, absolute-form': async ({ origin, one }) => {
    assert.equal(await webSocket(one.port, `${origin.url}/ws`, {}), 407)
    assert.equal(await webSocket(one.port, `${origin.url}/ws`, { 'Proxy-Authorization': CREDENTIALS }), 'echo')
  },
  'WebSocket through CONNECT': async ({ origin, one }) => {
    const { socket } = await connect(one, origin, { 'Proxy-Authorization': CREDENTIALS })
    assert.equal(await webSocket(origin.port, '/ws', {}, () => socket), 'echo')
  },
  inject: async ({ one }) => {
    for (const url of ['/own', '/api/x']) {
      assert.equal((await one.app.inject(url)).statusCode, 407)
      assert.equal((await one.app.inject({ url, headers: { 'proxy-authorization': CREDENTIALS } })).statusCode, 200)
    }
    assert.equal((await one.app.inject('/')).statusCode, 404)
  },
  'the application\'s own paths': async ({ one }) => {
    assert.equal(await curl(`${one.url}/`), '404')
    assert.equal(await curl('-X', 'OPTIONS', '--request-target', '*', `${one.url}/`), '404')
    assert.equal(await curl(`${one.url}/%zz`), '400')
    assert.equal(await curl('-x', one.url, '-U', PAIR, `${one.url}/own`), '403')
  },
  'accounts of a file, in each kind of hash that can be read here': async ({ origin, one }) => {
    for (const user of one.users) {
      assert.equal(await curl('-x', one.url, '-U', `${user}:${user}-secret`, '--proxy-basic', `${origin.url}/`), '200', user)
      assert.equal(await curl('-x', one.url, '-U', `${user}:wrong`, '--proxy-basic', `${origin.url}/`), '407', user)
    }
  }
}

/** An origin that responds to everything, and echoes what comes behind an upgrade. */
async function startOrigin (stops) {
  const server = http.createServer((request, response) => { request.resume().on('end', () => response.end('origin')) })
  const sockets = new Set()
  server.on('connection', socket => { sockets.add(socket) })
  server.on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    socket.pipe(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  stops.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address()
  return { port, authority: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}` }
}

async function startGateway ({ Fastify, plugin, names }, origin, options, stops) {
  const { BasicStrategy, DigestStrategy, htpasswd, lookupStatic, proxyAuthenticate } = names
  const { file, users } = await writeAccounts()
  const app = Fastify(options)
  app.register(plugin, {
    realm: 'Lab',
    strategies: [new DigestStrategy(lookupStatic({ alice: 'alice-secret' })), new BasicStrategy({ verify: htpasswd(file).verify })],
    ...(optional('rate-limiter-flexible') !== undefined && { attempts: {} }),
    forward: { special: ['127.0.0.1:*'] },
    reverse: [{ prefix: '/api', upstream: origin.url, websocket: true }],
    drainTimeout: 100
  })
  app.get('/own', { onRequest: proxyAuthenticate }, async ({ proxyAuth }) => proxyAuth.name)
  await app.listen({ port: 0, host: '127.0.0.1' })
  stops.push(() => app.close())
  const { port } = app.server.address()
  return { app, users, port, url: `http://127.0.0.1:${port}` }
}

/** Writes a password file, with a user for each kind of hash that can be read here. */
async function writeAccounts () {
  const sha1 = (password) => `{SHA}${createHash('sha1').update(password).digest('base64')}`
  const hashes = { alice: sha1, bob: optional('@node-rs/bcrypt')?.hash, carol: optional('@node-rs/argon2')?.hash }
  const users = Object.keys(hashes).filter(user => hashes[user] !== undefined)
  const lines = await Promise.all(users.map(async user => `${user}:${await hashes[user](`${user}-secret`)}\n`))
  const file = join(__dirname, 'users')
  writeFileSync(file, lines.join(''))
  return { file, users }
}

/** A package that not every installation has. */
function optional (name) {
  try {
    return require(name)
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** The status that curl got, 000 for none. */
async function curl (...args) {
  return await new Promise(resolve => {
    execFile('curl', ['-q', '-sS', '--max-time', '10', '--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', ...args], (_error, stdout) => resolve(stdout))
  })
}

async function connect (gateway, origin, headers) {
  const request = http.request({ host: '127.0.0.1', port: gateway.port, method: 'CONNECT', path: origin.authority, headers: { Host: origin.authority, ...headers }, agent: false })
  const answered = Promise.race([once(request, 'connect'), once(request, 'response')])
  request.end()
  const [{ statusCode: status }, socket] = await answered
  if (status !== 200) request.destroy()
  return { status, socket }
}

async function getThrough (socket, { authority }) {
  const request = http.request({ createConnection: () => socket, path: '/', headers: { Host: authority, Connection: 'close' } })
  const answered = once(request, 'response')
  request.end()
  const [response] = await answered
  response.resume()
  return response.statusCode
}

/** Opens a WebSocket, and sends a text that comes back: `echo`, or the status of a refusal. */
async function webSocket (port, path, headers, createConnection = () => net.connect(port, '127.0.0.1')) {
  const request = http.request({
    createConnection, path, headers: { Host: `127.0.0.1:${port}`, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': WEBSOCKET_KEY, ...headers }
  })
  const answered = Promise.race([once(request, 'upgrade'), once(request, 'response')])
  request.end()
  const [{ statusCode }, socket] = await answered
  if (statusCode !== 101) {
    request.destroy()
    return statusCode
  }
  const frame = Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('text')])
  socket.write(frame)
  const [echo] = await once(socket, 'data')
  socket.destroy()
  return echo.equals(frame) ? 'echo' : echo.toString('latin1')
}
