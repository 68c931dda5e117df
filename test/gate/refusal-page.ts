import fc from 'fast-check'
import t from 'tap'
import { readPages, refusalPage } from '../../lib/gate/refusal-page.js'

t.test('our texts, and those that replace them', async t => {
  t.match(readPages(), { lang: 'en', texts: { 403: { title: '403 Forbidden', label: 'Reason' }, 407: { title: '407 Proxy Authentication Required', label: 'Realm' } } })
  const pages = readPages({ lang: 'de-AT', 407: { title: 'Anmeldung', label: 'Bereich' } })
  t.match(pages.texts[407], { title: 'Anmeldung', label: 'Bereich', detail: readPages().texts[407]!.detail })
  const page = refusalPage(pages, 407, 'Büro')
  for (const part of ['<html lang="de-AT">', '<title>Anmeldung</title>', '<h1>Anmeldung</h1>', 'Bereich: <strong>Büro</strong>']) t.ok(page.includes(part), part)
})

t.test('whatever the texts are, they are text', async t => {
  const text = fc.oneof(fc.string(), fc.constantFrom('<script>', '</title>', '"><img src=x>', "'", '&amp;'))
  const plain = refusalPage(readPages({ 403: { title: '', detail: '', label: '' } }), 403, '')
  const tags = (page: string) => page.match(/<[^>]*>/g)
  fc.assert(fc.property(text, text, text, text, (title, detail, label, value) => {
    const page = refusalPage(readPages({ 403: { title, detail, label } }), 403, value)
    t.same(tags(page), tags(plain))
  }))
})

t.test('nothing is fetched for it', async t => {
  t.notMatch(refusalPage(readPages(), 403, ''), /\b(?:src|href|url|import|script)\b/)
})

t.test('what is wrong fails the boot', async t => {
  for (const pages of [
    null, [], 'de', { lang: 1 }, { lang: 'de"' }, { lang: '' }, { 404: {} }, { constructor: {} }, { 407: 'text' }, { 407: null }, { 407: { body: '' } }, { 407: { title: 1 } }
  ]) {
    t.throws(() => readPages(pages), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, JSON.stringify(pages))
  }
})
