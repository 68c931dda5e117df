import type { Reason } from './exchange.js'

// Why a client does not work in a cell.

export const BASIC_ONLY: Reason = {
  id: 'ignores challenges',
  text: 'The client sends what it was given with its first request, Basic or fields, and does not react to a challenge. apt, npm and pip can be given Basic only.',
  source: 'C-16'
}
export const BY_TABLE: Reason = {
  id: 'unknown scheme',
  text: 'The client does not know the scheme. `HttpClient` of Java knows Basic only; `urllib` knows Basic and, in absolute-form, Digest MD5.',
  source: '"What real clients do", proxy schemes'
}
export const NO_FIELDS: Reason = {
  id: 'no setting',
  text: 'Clients skip a challenge of Bearer or AWS4-HMAC-SHA256. This one cannot be told the fields to send in this form; where Bearer works, it cannot be told others than `Proxy-Authorization`.',
  source: 'C-9'
}
export const NTLM_TUNNEL: Reason = {
  id: 'extension not told',
  text: '`requests` gives up on a refused CONNECT by itself. Its extensions, of which requests-ntlm is one, never see the 407.',
  source: 'C-36'
}
export const URLLIB_SHA: Reason = {
  id: 'before Python 3.14', text: '`urllib` before Python 3.14 knows MD5 only and raises `ValueError`.', source: 'C-3'
}
export const DIRECT: Reason = {
  id: '407 is final',
  text: 'The client takes a 407 of a server that it contacted directly for final, so no scheme that needs the challenge works on reverse routes. `HttpClient` of Java does not even send the field that it is given.',
  source: 'C-43'
}
export const NODE_DIRECT: Reason = {
  id: '407 is final (Node)', text: 'As above: the application is given the 407 of a server contacted directly, or `fetch` rejects.', source: 'C-41'
}
export const NOT_OVER_HTTP2: Reason = {
  id: 'connection-bound',
  ours: true,
  text: 'NTLM and Negotiate authenticate a connection. The gateway neither offers nor accepts them over HTTP/2, which this client uses where it can.',
  source: 'R-CH-13'
}
export const GO_HTTP2: Reason = {
  id: 'Go and HTTP/2',
  text: 'The client agrees to HTTP/2 with a proxy that offers it and then speaks HTTP/1.1, as does everything written in Go (docker, kubectl, terraform). Give it a listener of HTTP/1.1, with or without TLS.',
  source: '[golang/go#26479](https://github.com/golang/go/issues/26479)'
}
export const NO_TLS: Reason = {
  id: 'no TLS to a proxy', squid: true, text: 'The client cannot speak TLS to a proxy.', source: 'It fails in the same way against Squid.'
}
