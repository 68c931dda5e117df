// Passport strategies from npm as they are, in the three forms. What the run sees is the table in
// docs/schemes/passport-strategies.md: `npm run strategies` writes it, and this test fails where it differs.
import t from 'tap'
import type { Test } from 'tap'
import type { DeclaredStrategy } from '../../lib/passport/declaration.js'
import { proxyAuthenticate } from '../../lib/index.js'
import { gateway } from '../fixtures/gateway.js'
import { openssl } from '../fixtures/certificate.js'
import { azureDirectory } from '../fixtures/foreign/azure.js'
import { AzureBearer, HttpBasic, Ldap } from '../fixtures/foreign/packages.js'
import { FORMS } from '../fixtures/forms.js'
import { basic, lookUp, rows } from '../fixtures/foreign/rows.js'
import { slapd, startSlapd } from '../fixtures/foreign/slapd.js'
import { HEAD, line, readTable, writeTable } from '../fixtures/foreign/table.js'
import type { Observed } from '../fixtures/foreign/table.js'
import { KINDS, tryRow } from '../fixtures/foreign/try-row.js'
import type { Seen } from '../fixtures/foreign/try-row.js'

const told = readTable()
const table = [...HEAD]

for (const row of rows) {
  const { name, works, skip = false, prepare } = row
  t.test(`${name}: ${works ? 'works unchanged' : 'accepts no request'} (R-MAP-1, R-MAP-2, R-MAP-4, R-CRED-4, R-BEARER-6)`, { skip }, async t => {
    const prepared = await prepare(t)
    const observed = Object.fromEntries(await Promise.all(FORMS.map(async form =>
      [form, Object.fromEntries(await Promise.all(KINDS.map(async kind => [kind, await tryRow(t, prepared, form, kind)])))]))) as unknown as Observed

    for (const form of FORMS) {
      const { right, wrong, none } = observed[form]
      for (const seen of [right, wrong, none]) t.equal(seen.location, undefined, `${form}: no redirect gets through`)
      if (works) checkLetIn(right, form)
      for (const seen of works ? [wrong, none] : [right, wrong, none]) {
        t.ok(seen.status === 407 ? seen.challenge !== undefined : seen.status === 403 || seen.status === 500, `${form}: ${seen.status} ${seen.challenge}`)
        t.same([seen.user, seen.forwarded], [undefined, undefined], `${form}: nobody, and nothing goes on`)
      }
      t.not(none.status, 500, `${form}: without credentials nothing has failed`)
    }

    function checkLetIn ({ status, user, forwarded }: Seen, form: string): void {
      t.same([status, user], [200, 'alice'], form)
      t.equal(forwarded?.authorization, 'Bearer origin-token', `${form}: what is the origin's gets there`)
      t.equal(forwarded?.url.split('?')[1], 'access_token=origin-token')
      t.notOk(forwarded?.names.some(name => name === 'proxy-authorization' || name === prepared.secret), `${form}: and what is ours does not`)
    }

    table.push(line(row, prepared.declared, observed))
    if (!t.writeSnapshot) t.ok(told.includes(table.at(-1)!), `the page says so; \`npm run strategies\` writes it: ${table.at(-1)}`)
  })
}

t.test('the table of strategies in the page: it has the observed rows and no others', async t => {
  const skipped = rows.filter(({ skip = false }) => skip !== false).length
  if (t.writeSnapshot) {
    t.equal(skipped, 0, 'a table without the rows that were skipped would be no table')
    if (skipped === 0) writeTable(table)
    return
  }
  t.equal(told.length, table.length + skipped)
  t.same(told.filter(text => table.includes(text)), table, 'in this order')
})

/** What the application's own route answers to these credentials. */
async function ask (t: Test, declared: DeclaredStrategy, credentials: string) {
  const { app } = await gateway(t, {
    strategies: [declared], after: app => { app.get('/', { onRequest: proxyAuthenticate }, async ({ proxyAuth }) => proxyAuth?.name) }
  })
  const { statusCode: status, body } = await app.inject({ url: '/', headers: { 'proxy-authorization': credentials } })
  return { status, body }
}

t.test('passport-http and a password with a colon, or an empty one: it cuts at the colon and refuses the empty one', async t => {
  const seen: string[] = []
  const strategy = new HttpBasic((username: string, password: string, done: (error: null, user: object) => void) => {
    seen.push(password)
    done(null, { username })
  })
  t.match(await ask(t, { strategy, scheme: 'Basic' }, basic('alice:p:q')), { status: 200, body: 'alice' })
  t.match(await ask(t, { strategy, scheme: 'Basic' }, basic('alice:')), { status: 407 })
  t.same(seen, ['p'])
})

t.test('a directory over LDAP: right credentials pass, a crafted name is 407, and an outage is 503 (S12)', { skip: slapd.skip }, async t => {
  const { stop, ...server } = await startSlapd(t, { alice: 'alice-secret' })
  const declared: DeclaredStrategy = { strategy: new Ldap({ server, credentialsLookup: lookUp }), scheme: 'Basic' }
  t.match(await ask(t, declared, basic('alice:alice-secret')), { status: 200, body: 'alice' })
  for (const name of ['*', 'a*', '*)(cn=*', 'alice)(|(cn=*)', 'alice\\00']) {
    t.match(await ask(t, declared, basic(`${name}:alice-secret`)), { status: 407 }, `the name ${name} is a name`)
  }
  t.match(await ask(t, { strategy: new Ldap({ server }), scheme: 'Basic' }, basic('alice:alice-secret')), { status: 407 }, 'it looks into a form by itself')
  await stop()
  const away = await ask(t, declared, basic('alice:alice-secret'))
  t.equal(away.status, 503, 'who cannot tell says so, and does not ask for another password')
  t.match(away.body, /STRATEGY_UNAVAILABLE/)
})

t.test('passport-azure-ad that cannot get its metadata: the token is refused as a wrong one', { skip: openssl.skip }, async t => {
  const { identityMetadata, sign } = await azureDirectory(t, 500)
  const strategy = new AzureBearer({ identityMetadata, clientID: 'gateway', loggingLevel: 'fatal' }, () => {})
  t.match(await ask(t, { strategy, scheme: 'Bearer' }, `Bearer ${sign({ sub: 'alice', aud: 'gateway' })}`), { status: 407 })
})
