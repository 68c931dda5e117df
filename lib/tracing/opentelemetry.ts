/** Values of attributes. */
export type SpanAttributes = Record<string, string | number | boolean>

/** Parents of spans, as a context carries them: looked into by nothing of ours. */
export type TraceContext = object

/** What is used of a span of `@opentelemetry/api`. */
export interface ApiSpan {
  isRecording (): boolean
  spanContext (): { readonly isRemote?: boolean | undefined }
  addEvent (name: string): unknown
  setAttributes (attributes: SpanAttributes): unknown
  setStatus (status: { readonly code: number }): unknown
  end (): void
}

/** How a span begins. */
interface SpanStart { readonly kind: number, readonly attributes: SpanAttributes }

/** What is used of a tracer. */
export interface ApiTracer {
  startSpan (name: string, options: SpanStart, context: TraceContext): ApiSpan
}

/** What hands out tracers. */
export interface ApiTracerProvider {
  getTracer (name: string): ApiTracer
  /** There is none before the application has registered an SDK. */
  getDelegateTracer? (name: string): ApiTracer | undefined
}

/**
 * What is used of the package. The types are our own, since the package is an optional peer: ours
 * must be readable without it.
 */
export interface OpenTelemetry {
  readonly trace: {
    getTracerProvider (): ApiTracerProvider
    getSpan (context: TraceContext): ApiSpan | undefined
  }
  readonly context: { active (): TraceContext }
  readonly propagation: { extract (context: TraceContext, carrier: unknown): TraceContext }
  readonly SpanKind: { readonly INTERNAL: number, readonly SERVER: number }
  readonly SpanStatusCode: { readonly ERROR: number }
}
