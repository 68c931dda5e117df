import t from 'tap'
import { nearest } from '../lib/nearest.js'

const KNOWN = ['realm', 'strategies', 'passport', 'forward', 'forwarded', 'to', 'via']

t.test('a misspelt word: the known one that is nearest (F-35)', async t => {
  for (const [word, meant] of [
    ['foward', 'forward'], ['forwrad', 'forward'], ['forwards', 'forward'], ['Forward', 'forward'], ['stratgies', 'strategies'], ['pasport', 'passport'],
    ['reaml', 'realm'], ['vai', 'via'], ['o', 'to']
  ] as const) t.equal(nearest(word, KNOWN), meant, word)
})

t.test('a word of a hundred thousand chars: it is like none, and no time goes by', async t => {
  const long = 'Europe/Berlin'.repeat(8000)
  t.equal(nearest(long, Array.from({ length: 500 }, (_, index) => `Europe/Zone${index}`)), undefined)
  t.equal(nearest('x', [long]), undefined)
})

t.test('a word that is like none: nothing', async t => {
  for (const word of ['timeout', 'xyz', '', 'realmforwardvia']) t.equal(nearest(word, KNOWN), undefined, word)
  t.equal(nearest('forward', []), undefined)
})
