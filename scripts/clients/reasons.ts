import type { Reason } from './exchange.js'

// Why nothing comes of a cell. C-… are observations in docs/requirements.md, "What real clients do".

export const BASIC_ONLY: Reason = {
  id: 'C-16', text: 'It sends what it was given at once, Basic or fields, and never reacts to a challenge. apt, npm and pip take Basic alone.'
}
export const BY_TABLE: Reason = {
  id: 'table',
  text: 'The table in "What real clients do", proxy schemes: `HttpClient` of Java has Basic alone, `urllib` has Basic and, in absolute-form, Digest MD5.'
}
export const NO_FIELDS: Reason = {
  id: 'C-9',
  text: 'Bearer and AWS4-HMAC-SHA256 are skipped by every client that waits for a challenge, and it has no setting for the fields of this form or, where Bearer passes, for `Proxy-Authorization` alone.'
}
export const NTLM_TUNNEL: Reason = {
  id: 'C-36', text: 'A refused CONNECT ends inside `requests`: its extensions, of which requests-ntlm is one, never hear of it.'
}
export const URLLIB_SHA: Reason = { id: 'C-3', text: '`urllib` before Python 3.14 knows MD5 alone and raises ValueError.' }
export const DIRECT: Reason = {
  id: 'C-43', text: 'Asked by a server that it contacted directly, it takes a 407 for final, so no scheme that needs the challenge works on reverse routes. `HttpClient` of Java does not even send the field that it is given.'
}
export const NODE_DIRECT: Reason = { id: 'C-41', text: 'As C-43: a 407 from a server contacted directly is given to the application, or the fetch rejects.' }
export const NOT_OVER_HTTP2: Reason = {
  id: 'R-CH-13', ours: true, text: 'NTLM and Negotiate authenticate a connection, so the gateway neither offers nor takes them over HTTP/2, which this client speaks where it can.'
}
export const GO_HTTP2: Reason = {
  id: 'golang/go#26479',
  text: 'It agrees to HTTP/2 with a proxy that offers it and then speaks HTTP/1.1, as do docker, kubectl, terraform and all else that is written in Go. Give them a listener of HTTP/1.1, in the clear or over TLS.'
}
export const NO_TLS: Reason = { id: 'Squid', squid: true, text: 'The client cannot speak TLS to a proxy. It fails in the same way against Squid.' }
