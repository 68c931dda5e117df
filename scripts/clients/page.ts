import { LISTENERS } from './exchange.js'
import type { Form, Reason, Scheme } from './exchange.js'
import type { Line, Verdict } from './judge.js'

export interface ClientLines {
  readonly name: string
  readonly lines: readonly Line[]
}

const FORM_TITLES: Readonly<Record<Form, string>> = {
  'absolute-form': 'Absolute-form: `http://` through the proxy',
  CONNECT: 'CONNECT: `https://` through the proxy',
  'origin-form': 'Origin-form: a reverse route'
}
const NOTES: Readonly<Record<Form, string>> = {
  'absolute-form': 'undici asks a proxy with TLS for a tunnel here as well (C-32).',
  CONNECT: '',
  'origin-form': 'Only clients that can be given a value for the field, or asked to answer a 407 here: see "When is a 407 right here?" in the README.'
}

/** What no run finds, and users have to know. */
const KNOWN = `## What to know of some

- **Go** (docker, kubectl, terraform, …) fails with every \`https://\` proxy that offers HTTP/2: it agrees to it and speaks HTTP/1.1
  ([golang/go#26479](https://github.com/golang/go/issues/26479)). Give such clients a listener of HTTP/1.1, in the clear or over TLS; a second Fastify server with the
  same options will do.
- **Letters beyond ASCII in a target**, as in \`curl -x … http://example.org/café\`: 400 "Client Error", which is Node's parser; the gateway never sees the
  request. A target is ASCII (RFC 9112, 3.2; RFC 3986, 2), and curl sends what it is given: write \`caf%C3%A9\`.
- **lftp** sends CONNECT in HTTP/1.1 without \`Host\`: 400, as RFC 9112, 3.2 demands of a server. It has no setting for that; fetch \`https://\` with
  another client.
- **OpenVPN** and \`curl --proxy1.0\` send CONNECT in HTTP/1.0. With \`Proxy-Connection: Keep-Alive\` NTLM and Negotiate work there, as with Squid: the connection
  is kept for the legs of the handshake. Without it they are a 403 that says so.
- **OkHttp** repeats the credentials that its authenticator gives it for as long as it is let, also wrong ones. The gateway closes the connection at the tenth
  refusal of wrong ones, whichever client sends them.
- **Apache HttpClient** and **.NET** hold content back with \`Expect: 100-continue\`. In an NTLM or Negotiate handshake the gateway asks for it and throws it away, up to
  16 MiB, before the 407 with the token; so the content goes out once more than it would otherwise.
- **libsoup 3** and **w3m** sign another \`uri\` in Digest than the target (\`/\` for CONNECT; the proxy's own URI): 400. \`DigestStrategy\` with \`uri: 'any'\` takes them, and its
  comment says what that gives up.
- **Subversion** (serf) computes Digest with MD5 under whatever name is asked for, so it fails with \`SHA-256\`: offer it \`MD5\`, or Basic over TLS.
- **LWP** (Perl) and **ncat** know \`MD5\` alone in Digest: offer it, or Basic over TLS.
`

/** docs/clients.md: no date or time in it, so that two runs write the same. */
export function page (clients: readonly ClientLines[], schemes: readonly Scheme[], leftOut: readonly string[]): string {
  const all = clients.flatMap(({ lines }) => lines)
  const reasons = new Map<string, Reason>(all.flatMap(({ reason }) => reason === undefined ? [] : [[reason.id, reason]]))
  const sections = (Object.keys(FORM_TITLES) as Form[]).map(form => section(form, clients, schemes))
  return `# Clients

Written by \`npm run clients\`, which starts the gateway of \`demo/gateway.ts\` with one scheme at a time and runs every client against it.
${totals(all)}; ${clients.length} clients.${leftOut.length === 0 ? '' : ` Left out on this machine: ${leftOut.join('; ')}.`}

**passed**: with the right credentials the client got the origin's answer, and the gateway knew the user by that scheme; with wrong ones it sent
them and was refused with 407 as it must be, and the origin heard nothing; wrong for Negotiate is a ticket of another realm of that name. **passed, h2**: over
HTTP/2. **refused**: by the gateway, as it must be. **not supported**: by the client. Both for the reason in brackets, which is found below; it was
tried, with the first listener of which that is said, and did fail. **–**: the client has no such request. Bearer and AWS4-HMAC-SHA256 are fields that the client
is given, here by whoever calls it: it knows neither. Three in a cell are the listeners: in the clear / TLS with HTTP/1.1 / TLS with HTTP/2 beside HTTP/1.1; one stands for all three.

${sections.join('\n')}
## Why not

C-… are the observations in [requirements.md](requirements.md), "What real clients do".

| reason | |
| --- | --- |
${[...reasons.values()].sort((a, b) => a.id < b.id ? -1 : 1).map(({ id, text }) => `| ${id} | ${text} |`).join('\n')}

${KNOWN}`
}

function section (form: Form, clients: readonly ClientLines[], schemes: readonly Scheme[]): string {
  const rows = clients.map(({ name, lines }) => {
    const cells = schemes.map(scheme => {
      const words = LISTENERS.map(listener => {
        const line = lines.find(({ cell }) => cell.form === form && cell.scheme === scheme && cell.listener === listener)
        return line === undefined ? '–' : word(line)
      })
      return new Set(words).size === 1 ? words[0]! : words.join(' / ')
    })
    return `| ${name} | ${cells.join(' | ')} |`
  })
  const note = NOTES[form]
  return `## ${FORM_TITLES[form]}
${note === '' ? '' : `\n${note}\n`}
| client | ${schemes.map(({ name }) => name).join(' | ')} |
| --- |${schemes.map(() => ' --- |').join('')}
${rows.join('\n')}
`
}

function word ({ verdict, http2, reason }: Line): string {
  if (reason !== undefined) return `${verdict} (${reason.id})`
  return http2 ? `${verdict}, h2` : verdict
}

/** How many of each, in words. */
export function totals (lines: readonly Line[]): string {
  const count = (wanted: Verdict): number => lines.filter(({ verdict }) => verdict === wanted).length
  const passed = count('passed')
  return `${passed} passed, ${passed + count('refused')} refused as they must be, ${count('not supported')} not supported, ${count('failed')} failed`
}
