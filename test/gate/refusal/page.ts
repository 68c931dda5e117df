import fc from 'fast-check'
import t from 'tap'
import { readPages, refusalPage } from '../../../lib/gate/refusal/page.js'

t.test('texts of the operator: each replaces one of ours, and the others stay', async t => {
  t.match(readPages(), { lang: 'en', texts: { 403: { title: '403 Forbidden', label: 'Reason' }, 407: { title: '407 Proxy Authentication Required', label: 'Realm' } } })
  const pages = readPages({ lang: 'de-AT', reference: 'Zeichen', 407: { title: 'Anmeldung', label: 'Bereich' } })
  t.match(pages.texts[407], { title: 'Anmeldung', label: 'Bereich', detail: readPages().texts[407]!.detail })
  const page = refusalPage(pages, 407, 'Büro')
  t.notMatch(page, 'Zeichen')
  t.match(refusalPage(pages, 403, '', 'req-1'), 'Zeichen: <strong>req-1</strong>')
  for (const part of ['<html lang="de-AT" dir="auto">', '<title>Anmeldung</title>', '<h1>Anmeldung</h1>', 'Bereich: <strong>Büro</strong>']) t.ok(page.includes(part), part)
})

t.test('texts with markup: they are text in the page', async t => {
  const plain = refusalPage(readPages({ 403: { title: '', detail: '', label: '' } }), 403, '')
  const tags = (page: string) => page.match(/<[^>]*>/g)
  t.equal(tags(refusalPage(readPages(), 403, '', 'a'))!.length, tags(plain)!.length + 4, 'a line for the id')
  const text = fc.oneof(fc.string(), fc.constantFrom('<script>', '</title>', '"><img src=x>', "'", '&amp;'))
  fc.assert(fc.property(text, text, text, text, (title, detail, label, value) => {
    const pages = readPages({ reference: label, 403: { title, detail, label } })
    t.same(tags(refusalPage(pages, 403, value)), tags(plain))
    t.same(tags(refusalPage(pages, 403, value, value)), tags(refusalPage(readPages(), 403, '', 'a')))
  }))
})

t.test('the page: nothing is fetched for it, not even an icon', async t => {
  const page = refusalPage(readPages(), 403, '')
  t.match(page, '<link rel="icon" href="data:,">')
  t.notMatch(page.replace(' href="data:,"', ''), /\b(?:src|href|url|import|script)\b/)
})

t.test('the colours of the page: every text stands out from its ground, in light and dark', async t => {
  const page = refusalPage(readPages(), 403, '')
  const palettes = [...page.matchAll(/:root \{[^}]*\}/g)].map(([rule]) => Object.fromEntries(
    [...rule.matchAll(/--(\w+): (#\w{6})/g)].map(([, name, colour]) => [name, colour!])
  ))
  t.equal(palettes.length, 2)
  for (const { ink, dim, ground } of palettes) for (const text of [ink, dim]) t.ok(contrast(text!, ground!) >= 4.5, `${text} on ${ground}`)
  for (const { mark, ground } of palettes) t.ok(contrast(mark!, ground!) >= 3, `${mark} on ${ground}`)
})

/** The contrast ratio of two colours (WCAG 2.2), which is from 1 to 21: 4.5 is enough for text, 3 for what is not text. */
function contrast (...colours: [string, string]): number {
  const [light, dark] = colours.map(colour => {
    const [red, green, blue] = [1, 3, 5].map(at => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4) as [number, number, number]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }).sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

t.test('an option pages that is wrong: the boot fails', async t => {
  for (const pages of [
    null, [], 'de', { lang: 1 }, { lang: 'de"' }, { lang: '' }, { reference: 1 }, { 404: {} }, { constructor: {} }, { 407: 'text' }, { 407: null }, { 407: { body: '' } }, { 407: { title: 1 } }
  ]) {
    t.throws(() => readPages(pages), { code: 'FST_PROXY_AUTH_BAD_OPTION' }, JSON.stringify(pages))
  }
})
