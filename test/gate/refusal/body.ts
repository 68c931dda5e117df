import t from 'tap'
import { refusalBodies } from '../../../lib/gate/refusal/body.js'

const bodies = refusalBodies(407, 'Gateway')
const TEXT = 'text/plain; charset=utf-8'
const HTML = 'text/html; charset=utf-8'
const PROBLEM = 'application/problem+json'

const rows: Array<{ accept: string | undefined, type: string }> = [
  { accept: undefined, type: TEXT },
  { accept: '*/*', type: TEXT },
  { accept: '', type: TEXT },
  { accept: 'text/*', type: TEXT },
  { accept: 'image/png', type: TEXT },
  // Chromium and Firefox, a page.
  { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', type: HTML },
  { accept: 'TEXT/HTML', type: HTML },
  { accept: 'application/xhtml+xml', type: HTML },
  { accept: 'text/html;level=1;q=0.4, text/plain;q=0.3', type: HTML },
  { accept: 'application/json', type: PROBLEM },
  { accept: 'application/problem+json, */*;q=0.1', type: PROBLEM },
  { accept: 'application/*, text/html;q=0.9', type: PROBLEM },
  // axios
  { accept: 'application/json, text/plain, */*', type: TEXT },
  { accept: 'text/plain;q=0.2, application/json;q=0.7, text/html;q=0.5', type: PROBLEM },
  { accept: 'application/json ; Q=0.9 , text/html;q=0.8', type: PROBLEM },
  // The most specific range decides.
  { accept: 'text/plain;q=0, */*', type: HTML },
  { accept: 'text/*;q=0, */*', type: PROBLEM },
  { accept: 'application/problem+json;q=0, application/json', type: TEXT },
  // What is no weight between 0 and 1.
  { accept: 'text/html;q=x, application/json;q=0.1', type: PROBLEM },
  { accept: 'text/html;q=-1, application/json;q=0.1', type: PROBLEM },
  { accept: 'text/plain, application/json;q=7', type: TEXT },
  // Nobody reads more of it than a kilobyte.
  { accept: `${'a/b,'.repeat(300)}text/html`, type: TEXT }
]
for (const { accept, type } of rows) {
  t.test(`Accept: ${accept?.slice(0, 100)} gets ${type} (R-PROB-1)`, async t => {
    t.equal(bodies.choose(accept, 'GET').type, type)
  })
}

t.test('a CONNECT gets plain text, whatever it accepts: no client shows it (R-PROB-5)', async t => {
  t.equal(bodies.choose('text/html', 'CONNECT').type, TEXT)
})

t.test('a body of any type: it explains the refusal (R-407-5)', async t => {
  for (const accept of ['text/plain', 'text/html', 'application/json']) {
    t.match(bodies.choose(accept, 'GET').text, /407[^]*Proxy Authentication Required|Proxy Authentication Required[^]*407/)
  }
})

for (const [status, title] of [[407, 'Proxy Authentication Required'], [401, 'Unauthorized']] as const) {
  t.test(`the problem of a ${status} has the status in it, and the title of the status (R-PROB-2, R-PROB-3)`, async t => {
    const { detail, ...problem } = JSON.parse(refusalBodies(status, 'Gateway').choose('application/json', 'GET').text)
    t.same(problem, { type: 'about:blank', title, status })
    t.type(detail, 'string')
  })
}

t.test('the body of an origin: it does not speak of a proxy', async t => {
  for (const accept of ['text/plain', 'text/html', 'application/json']) {
    t.match(bodies.choose(accept, 'GET').text, 'This proxy')
    t.notMatch(refusalBodies(401, 'Gateway').choose(accept, 'GET').text, 'proxy')
  }
})

t.test('the problem: it does not name the realm (R-PROB-4)', async t => {
  t.notMatch(refusalBodies(407, 'The Realm').choose('application/json', 'GET').text, 'Realm')
})

t.test('a realm with markup: it is text in the page, and nothing else', async t => {
  const realm = '<script>alert("x")</script> & \'quotes\''
  const page = refusalBodies(407, realm).choose('text/html', 'GET').text
  t.match(page, '<strong>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;quotes&#39;</strong>')
  t.notMatch(page, '<script')
  t.match(refusalBodies(407, realm).choose(undefined, 'GET').text, `Realm: ${realm}\n`)
})
