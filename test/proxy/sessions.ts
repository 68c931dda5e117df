import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import { goAway } from '../../lib/proxy/sessions.js'
import { Http2Client } from '../fixtures/http2-client.js'

t.test('a stopping server does not wait for sessions on which nothing is under way', async t => {
  const app = Fastify({ http2: true })
  goAway(app as never)
  app.get('/', async () => 'here')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const [idle, left] = [await Http2Client.to(t, url), await Http2Client.to(t, url)]
  t.match(await idle.ask({ ':path': '/' }), { body: 'here' })
  left.session.destroy()
  const gone = once(idle.session, 'close')
  await app.close()
  await gone
})

t.test('what is under way goes on', async t => {
  const app = Fastify({ http2: true })
  goAway(app as never)
  let answer = () => {}
  const answering = new Promise<string>(resolve => { answer = () => resolve('late') })
  const asked = new Promise<void>(resolve => app.get('/', async () => { resolve(); return await answering }))
  const client = await Http2Client.to(t, await app.listen({ port: 0, host: '127.0.0.1' }))
  const answered = client.ask({ ':path': '/' })
  await asked
  const away = once(client.session, 'goaway')
  const closed = app.close()
  await away
  answer()
  t.match(await answered, { status: 200, body: 'late' })
  await closed
})
