import { FORMS, LISTENERS } from './exchange.js'
import type { Form, Listener, Reason, Scheme } from './exchange.js'
import type { Line, Verdict } from './judge.js'

export interface ClientLines {
  readonly name: string
  readonly lines: readonly Line[]
}

/** What a cell of a table shows: over how many listeners the client works. */
const SIGNS = { all: '✓', some: '◐', none: '✗', untried: '–' }

const LISTENER_NAMES: Readonly<Record<Listener, string>> = { plain: 'plain', TLS: 'TLS', h2: 'HTTP/2' }
const FORM_TITLES: Readonly<Record<Form, string>> = {
  'absolute-form': 'Absolute-form: `http://` through the proxy',
  CONNECT: 'CONNECT: `https://` through the proxy',
  'origin-form': 'Origin-form: a reverse route'
}
const FORM_NOTES: Readonly<Record<Form, string>> = {
  'absolute-form': 'With a proxy that speaks TLS, undici opens a tunnel for `http://` as well.',
  CONNECT: 'This is how a client reaches every `https://` target.',
  'origin-form': `Here the client contacts the gateway as an origin. It needs a setting for the field, or has to react
to a 407. [Reverse routes](guide/reverse-routes.md) says when a 407 is right there.`
}

/** What no run finds, and users have to know. */
const KNOWN = `## Notes on single clients

- **Go** (docker, kubectl, terraform, …) fails with every \`https://\` proxy that offers HTTP/2: it
  agrees to HTTP/2 and then speaks HTTP/1.1
  ([golang/go#26479](https://github.com/golang/go/issues/26479)). Give such clients a listener of
  HTTP/1.1, with or without TLS. A second Fastify server with the same options will do.
- **Characters outside ASCII in a target**, as in \`curl -x … http://example.org/café\`, are a 400
  "Client Error" of Node's parser; the gateway never sees the request. A target is ASCII (RFC 9112,
  3.2; RFC 3986, 2), and curl sends what it is given. Write \`caf%C3%A9\`.
- **lftp** sends CONNECT in HTTP/1.1 without \`Host\`. That is a 400, which RFC 9112, 3.2 demands of a
  server. lftp has no setting for it: fetch \`https://\` with another client.
- **OpenVPN** and \`curl --proxy1.0\` send CONNECT in HTTP/1.0. With \`Proxy-Connection: Keep-Alive\`,
  NTLM and Negotiate work there, as with Squid: the connection is kept between the messages of the
  handshake. Without that field the response is a 403 that says so.
- **OkHttp** repeats the credentials of its authenticator without end, wrong ones too. The gateway
  closes the connection at the tenth refusal of wrong credentials, whichever client sends them.
- **Apache HttpClient** and **.NET** hold content back with \`Expect: 100-continue\`. In an NTLM or
  Negotiate handshake the gateway asks for that content and discards up to 16 MiB of it before it
  sends the 407 with the token. The content is therefore sent once more than with other schemes.
- **libsoup 3** and **w3m** sign another \`uri\` in Digest than the target: libsoup \`/\` for CONNECT,
  w3m the proxy's own URI. That is a 400. \`DigestStrategy\` accepts it with \`uri: 'any'\`;
  [Digest](schemes/digest.md) says what that setting gives up.
- **Subversion** (serf) computes Digest with MD5 whatever algorithm the challenge names, so it fails
  with \`SHA-256\`. Offer it \`MD5\`, or Basic over TLS.
- **LWP** (Perl) and **ncat** know only \`MD5\` in Digest. Offer it, or Basic over TLS.
`

/** docs/clients.md: no date or time in it, so that two runs write the same. */
export function page (clients: readonly ClientLines[], schemes: readonly Scheme[], leftOut: readonly string[]): string {
  const all = clients.flatMap(({ lines }) => lines)
  const reasons = new Map<string, Reason>(all.flatMap(({ reason }) => reason === undefined ? [] : [[reason.id, reason]]))
  return `# Clients

Which client works with which scheme, in each request form. \`npm run clients\` writes this page: it
runs ${clients.length} clients against the demo gateway. [Client settings](guide/client-settings.md) says how to set
a client up.

| Sign | Meaning |
| :-: | --- |
| ${SIGNS.all} | Works over every listener. |
| ${SIGNS.some} | Works over some listeners, see [Why not](#why-not). |
| ${SIGNS.none} | Does not work, see [Why not](#why-not). |
| ${SIGNS.untried} | Not tried: the client sends no such request. |

There are three listeners:

- **${LISTENER_NAMES.plain}**: HTTP/1.1 without TLS.
- **${LISTENER_NAMES.TLS}**: HTTP/1.1 over TLS.
- **${LISTENER_NAMES.h2}**: TLS with both HTTP/2 and HTTP/1.1, of which the client chooses one.

No client makes Bearer or AWS4-HMAC-SHA256 credentials for a proxy by itself. Where these columns
say ${SIGNS.all}, the client sends the fields that its caller gives it.

In the last column the gateway does not reach the target itself. It goes through another gateway, its
[parent](guide/parents.md), where it logs in with Digest. The client knows nothing of that.
${FORMS.map(form => `
## ${FORM_TITLES[form]}

${FORM_NOTES[form]}

${tableOf(form, clients, schemes)}
`).join('')}
## Clients that use HTTP/2

All others speak HTTP/1.1 with the listener **${LISTENER_NAMES.h2}**.

| Client | Form | Scheme |
| --- | --- | --- |
${clients.flatMap(client => rowsOf(client, schemes, ({ http2 }) => http2).map(({ forms, schemes }) => `| ${client.name} | ${forms} | ${schemes} |`)).join('\n')}

## Why not

| Client | Form | Scheme | Listener | Reason |
| --- | --- | --- | --- | --- |
${clients.flatMap(client => reasonsOf(client).flatMap(id => rowsOf(client, schemes, ({ reason }) => reason?.id === id).map(row =>
  `| ${client.name} | ${row.forms} | ${row.schemes} | ${row.listeners} | ${id} |`))).join('\n')}

The reasons, and where each is from. A source C-… or R-… is in \`docs/internals/requirements.md\`.

| Reason | In full | Source |
| --- | --- | --- |
${[...reasons.values()].sort((a, b) => a.id < b.id ? -1 : 1).map(({ id, text, source }) => `| ${id} | ${text} | ${source} |`).join('\n')}

${KNOWN}
## How this was tried

The demo gateway ran with one scheme at a time, and with each listener. A client **works** when both
of these hold:

- With right credentials it received the origin's response, and the gateway knew the user by that
  scheme.
- With wrong credentials, which it did send, it was refused with 407, and the origin received no
  request. For Negotiate, wrong credentials are a ticket of another realm with the same name.

What does not work was tried too, once for each reason, scheme and form, and did fail. A client that
speaks no TLS to the gateway was run against Squid as well, where it fails in the same way.

Results: ${totals(all)}.
${leftOut.length === 0 ? '' : `\nLeft out on this machine: ${leftOut.join('; ')}.\n`}`
}

function tableOf (form: Form, clients: readonly ClientLines[], schemes: readonly Scheme[]): string {
  const has = ({ lines }: ClientLines): boolean => lines.some(({ cell }) => cell.form === form)
  const rows = clients.filter(has).map(({ name, lines }) => {
    const signs = schemes.map(scheme => signOf(lines.filter(({ cell }) => cell.form === form && cell.scheme === scheme)))
    return `| ${name} | ${signs.join(' | ')} |`
  })
  const others = clients.filter(client => !has(client)).map(({ name }) => name)
  return `| Client | ${schemes.map(({ name }) => name).join(' | ')} |
| --- |${schemes.map(() => ' :-: |').join('')}
${rows.join('\n')}${others.length === 0 ? '' : `\n\nNot tried, since they send no such request: ${others.join(', ')}.`}`
}

/** Of the lines of a cell, one for each listener that the client is run against. */
function signOf (lines: readonly Line[]): string {
  if (lines.length === 0) return SIGNS.untried
  const works = lines.filter(({ verdict }) => verdict === 'passed').length
  return works === lines.length ? SIGNS.all : works === 0 ? SIGNS.none : SIGNS.some
}

/** What keeps a client from working, in the order of the forms. */
function reasonsOf ({ lines }: ClientLines): string[] {
  return [...new Set(FORMS.flatMap(form => lines.flatMap(({ cell, reason }) => cell.form === form && reason !== undefined ? reason.id : [])))]
}

/** The lines of a client that are wanted, in as few rows as hold just these: forms with the same schemes and listeners share one. */
function rowsOf (client: ClientLines, schemes: readonly Scheme[], isWanted: (line: Line) => boolean): Array<{ forms: string, schemes: string, listeners: string }> {
  const rows = new Map<string, { forms: Form[], schemes: string, listeners: string }>()
  for (const form of FORMS) {
    const lines = client.lines.filter(({ cell }) => cell.form === form)
    const run = schemes.filter(scheme => lines.some(({ cell }) => cell.scheme === scheme))
    const byListeners = new Map<string, Scheme[]>()
    for (const scheme of run) {
      const wanted = LISTENERS.filter(listener => lines.some(line => line.cell.scheme === scheme && line.cell.listener === listener && isWanted(line)))
      if (wanted.length === 0) continue
      const listeners = wanted.length === LISTENERS.length ? 'all' : wanted.map(listener => LISTENER_NAMES[listener]).join(', ')
      byListeners.set(listeners, [...byListeners.get(listeners) ?? [], scheme])
    }
    for (const [listeners, some] of byListeners) {
      const row = { forms: [], schemes: inWords(some, run), listeners }
      const key = JSON.stringify(row)
      rows.set(key, rows.get(key) ?? row)
      rows.get(key)!.forms.push(form)
    }
  }
  return [...rows.values()].map(({ forms, ...row }) => ({ ...row, forms: forms.length === FORMS.length ? 'all' : forms.join(', ') }))
}

/** Some of the schemes that a client is run with, or all but one. */
function inWords (schemes: readonly Scheme[], run: readonly Scheme[]): string {
  if (schemes.length === run.length) return 'all'
  const others = run.filter(scheme => !schemes.includes(scheme))
  const [left, ...more] = namesOf(others, schemes)
  return more.length === 0 && schemes.length > 1 ? `all but ${left!}` : namesOf(schemes, others).join(', ')
}

/** Those of one token by that, where all of them are there. */
function namesOf (schemes: readonly Scheme[], others: readonly Scheme[]): string[] {
  return [...new Set(schemes.map(({ token, name }) => others.every(other => other.token !== token) ? token : name))]
}

/** How many of each, in words. */
export function totals (lines: readonly Line[]): string {
  const count = (wanted: Verdict): number => lines.filter(({ verdict }) => verdict === wanted).length
  const passed = count('passed')
  return `${passed} passed, ${passed + count('refused')} refused as they must be, ${count('not supported')} not supported, ${count('failed')} failed`
}
