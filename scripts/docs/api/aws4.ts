/**
 * AWS4-HMAC-SHA256 (AWS Signature Version 4): the strategy, and the client's half.
 *
 * @module
 */
export { Aws4Strategy, signAws4 } from '../../../lib/index.js'
export type {
  Aws4Account, Aws4Info, Aws4Lookup, Aws4Options, Aws4Refusal, Aws4RefusalReason, Aws4Request, Aws4Signer
} from '../../../lib/index.js'
