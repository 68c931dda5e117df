import { MissingPackage } from '../errors.js'
import { loadPackage } from '../load-package.js'
import type { TracingSettings } from '../options/tracing.js'
import type { OpenTelemetry } from './opentelemetry.js'
import { Tracing } from './tracing.js'

/**
 * Makes what traces exchanges, where `@opentelemetry/api` is installed.
 *
 * @returns `undefined`: it is not, or they are not to be traced.
 * @throws {MissingPackage} It is not, and they are to be.
 */
export async function createTracing (
  { wanted, users }: TracingSettings, load = loadPackage<OpenTelemetry>
): Promise<Tracing | undefined> {
  if (wanted === 'no') return undefined
  try {
    return new Tracing(await load('@opentelemetry/api', 'the option tracing'), users)
  } catch (error) {
    if (wanted === 'yes' || !(error instanceof MissingPackage)) throw error
    return undefined
  }
}
