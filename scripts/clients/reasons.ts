import type { Reason } from './exchange.js'

// Why a cell is not supported. C-… are observations in docs/requirements.md, "What real clients do".

export const BASIC_ONLY: Reason = {
  id: 'C-16', text: 'It sends what it was given at once, Basic or a value of the field, and never reacts to a challenge. apt, npm, pip and `urllib` with CONNECT take Basic alone.'
}
export const JAVA_BASIC_ONLY: Reason = { id: 'table', text: 'The table in "What real clients do": `HttpClient` of Java has Basic alone.' }
export const NO_TOKENS: Reason = {
  id: 'C-9', text: 'Bearer is skipped by every client that waits for a challenge, and it has no setting for the value of the field in this form.'
}
export const URLLIB_SHA: Reason = { id: 'C-3', text: '`urllib` before Python 3.14 knows MD5 alone and raises ValueError.' }
export const DIRECT: Reason = {
  id: 'C-43', text: 'Asked by a server that it contacted directly, it takes a 407 for final, so no scheme that needs the challenge works on reverse routes. `HttpClient` of Java does not even send the field that it is given.'
}
export const NODE_DIRECT: Reason = { id: 'C-41', text: 'As C-43: a 407 from a server contacted directly is given to the application, or the fetch rejects.' }
export const NOT_OVER_HTTP2: Reason = {
  id: 'R-CH-13', text: 'NTLM and Negotiate authenticate a connection: the gateway never offers them over HTTP/2, and a client that would go on with HTTP/1.1 is not asked to.'
}
export const NO_TLS: Reason = { id: 'Squid', squid: true, text: 'The client cannot speak TLS to a proxy. It fails in the same way against Squid.' }
