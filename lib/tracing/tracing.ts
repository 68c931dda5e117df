import type { FastifyRequest } from 'fastify'
import { guarded, guardedOr } from '../platform/guarded.js'
import type { Ending, ExchangeRecord, RecordSpan, RecordTracing } from '../proxy/exchange/record.js'
import type { ApiSpan, ApiTracer, ApiTracerProvider, OpenTelemetry, TraceContext } from './opentelemetry.js'
import { endAttributes, errorOf, spanName, startAttributes } from './span-attributes.js'

const NAME = 'fastify-proxy-auth'

/**
 * Makes a span of each exchange, from its verdict to its end.
 *
 * It is a span of a server, as the gateway answers a client: `traceparent` goes to origins as it
 * came, so their spans are beside ours and not below. Where something else has made a span of the
 * request, as an instrumentation of `node:http` does, ours is within that and internal.
 */
export class Tracing implements RecordTracing {
  readonly begin: RecordTracing['begin']

  /** @param namesUsers - Whether spans have the names of users. */
  constructor (private readonly api: OpenTelemetry, private readonly namesUsers: boolean) {
    // What an SDK throws must cost no request.
    this.begin = guardedOr(undefined, (request: FastifyRequest, record: ExchangeRecord) => this.start(request, record))
  }

  private start (request: FastifyRequest, record: ExchangeRecord): RecordSpan | undefined {
    const { trace, context, propagation, SpanKind } = this.api
    const tracer = tracerOf(trace.getTracerProvider())
    if (tracer === undefined) return undefined // there is no SDK
    const { raw: { headers, httpVersion }, ip: client } = request
    const active = context.active()
    const isWithin = isLocal(trace.getSpan(active))
    const parent: TraceContext = isWithin ? active : propagation.extract(active, headers)
    const span = tracer.startSpan(spanName(record), {
      kind: isWithin ? SpanKind.INTERNAL : SpanKind.SERVER,
      attributes: startAttributes(record, { httpVersion, client }, this.namesUsers)
    }, parent)
    return span.isRecording() ? new ExchangeSpan(span, this.api.SpanStatusCode.ERROR) : undefined
  }
}

class ExchangeSpan implements RecordSpan {
  constructor (private readonly span: ApiSpan, private readonly error: number) {}

  readonly open = guarded((): void => { this.span.addEvent('opened') })

  readonly close = guarded((record: ExchangeRecord, ending: Ending): void => {
    const { span } = this
    const error = errorOf(record, ending)
    const attributes = endAttributes(record, ending)
    if (error !== undefined) {
      attributes['error.type'] = error
      span.setStatus({ code: this.error })
    }
    span.setAttributes(attributes)
    span.end()
  })
}

function tracerOf (provider: ApiTracerProvider): ApiTracer | undefined {
  return provider.getDelegateTracer === undefined ? provider.getTracer(NAME) : provider.getDelegateTracer(NAME)
}

function isLocal (span: ApiSpan | undefined): boolean {
  return span !== undefined && span.spanContext().isRemote !== true
}
