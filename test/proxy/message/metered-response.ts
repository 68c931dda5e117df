import t from 'tap'
import { MeteredResponse } from '../../../lib/proxy/message/metered-response.js'
import type { ContentSource, ResponseSink } from '../../../lib/proxy/message/response-writer.js'
import { GivenMeter } from '../../fixtures/meters.js'
import { until } from '../../fixtures/until.js'

function responding (meter: GivenMeter) {
  const events: string[] = []
  const failures: string[] = []
  let from!: ContentSource
  const source = {
    pause: () => events.push('pause'),
    resume: () => events.push('resume'),
    abort: (reason: Error) => events.push(`abort ${reason.message}`)
  }
  const sink: ResponseSink = {
    bytesOut: 7,
    head (status, reason, fields, given) {
      from = given
      events.push(`${status} ${reason} ${fields.join()}`)
      return false
    },
    data: chunk => events.push(String(chunk)),
    end (trailers) {
      if (trailers[0] === 'bad') throw new Error('bad trailers')
      events.push(`end ${trailers.join()}`)
    },
    fail: ({ code }) => events.push(`fail ${code}`)
  }
  const response = new MeteredResponse(sink, meter, ({ message }) => failures.push(message))
  t.equal(response.head(200, 'OK', ['A', '1'], source), false)
  events.shift()
  return { response, events, failures, from: () => from }
}

t.test('content that may go at once: it goes on as it comes, and so does all else', t => {
  const { response, events, from } = responding(new GivenMeter(Infinity))
  response.data(Buffer.from('abc'))
  from().pause()
  from().resume()
  response.end(['T', '1'])
  response.fail(Object.assign(new Error('x'), { code: 'E' }))
  from().abort(new Error('why'))
  t.strictSame(events, ['abc', 'pause', 'resume', 'end T,1', 'fail E', 'abort why'])
  t.equal(response.bytesOut, 7)
  t.end()
})

t.test('content that may not go yet: the upstream is not read until it has gone, whatever the client takes', async t => {
  const meter = new GivenMeter(1)
  const { response, events, from } = responding(meter)
  response.data(Buffer.from('abc'))
  t.strictSame(events, ['a', 'pause'])
  from().resume()
  t.strictSame(events, ['a', 'pause'])
  meter.give('down', 2)
  await until(() => events.includes('resume'))
  t.strictSame(events, ['a', 'pause', 'bc', 'resume'])
})

t.test('a client that takes nothing when content has waited: the upstream is not read until it does', async t => {
  const meter = new GivenMeter()
  const { response, events, from } = responding(meter)
  response.data(Buffer.from('abc'))
  from().pause()
  meter.give('down', 3)
  await until(() => events.includes('abc'))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(events, ['pause', 'pause', 'abc'])
  from().resume()
  t.equal(events.at(-1), 'resume')
})

t.test('the end while content waits: it comes behind that, and what it throws is a failure', async t => {
  for (const [trailer, end] of [['T', ['end T']], ['bad', []]] as const) {
    const meter = new GivenMeter()
    const { response, events, failures } = responding(meter)
    response.data(Buffer.from('abc'))
    response.end([trailer])
    meter.give('down', 3)
    await until(() => events.includes('abc'))
    t.strictSame(events, ['pause', 'abc', ...end])
    t.strictSame(failures, trailer === 'bad' ? ['bad trailers'] : [])
  }
})
