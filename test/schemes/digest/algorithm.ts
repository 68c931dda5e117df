import t from 'tap'
import { DIGEST_ALGORITHMS, findDigestAlgorithm } from '../../../lib/schemes/digest/algorithm.js'

t.test('the algorithms: there are three hashes, each plain and -sess, the strongest first (R-DIG-10, R-DIG-17)', async t => {
  t.same(DIGEST_ALGORITHMS.map(({ name, hash, session, hexLength }) => [name, hash, session, hexLength]), [
    ['SHA-512-256-sess', 'SHA-512-256', true, 64], ['SHA-512-256', 'SHA-512-256', false, 64],
    ['SHA-256-sess', 'SHA-256', true, 64], ['SHA-256', 'SHA-256', false, 64],
    ['MD5-sess', 'MD5', true, 32], ['MD5', 'MD5', false, 32]
  ])
})

t.test('the name of an algorithm: it is found in any case, no name is MD5, and others are unknown (R-DIG-13)', async t => {
  for (const { name } of DIGEST_ALGORITHMS) {
    t.equal(findDigestAlgorithm(name)?.name, name)
    t.equal(findDigestAlgorithm(name.toLowerCase())?.name, name)
  }
  t.equal(findDigestAlgorithm(undefined)?.name, 'MD5')
  for (const name of ['', 'SHA-1', 'SHA256', 'SHA-512', 'MD5 ', 'constructor', '__proto__']) t.equal(findDigestAlgorithm(name), undefined, name)
})

t.test('a hash by SHA-512-256: it is that of FIPS 180-4 and not the first half of SHA-512 (R-DIG-12)', async t => {
  // The examples of "abc": FIPS 180-4 for SHA-512/256, RFC 1321 for MD5, FIPS 180-4 for SHA-256.
  const abc = {
    'SHA-512-256': '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23',
    'SHA-256': 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    MD5: '900150983cd24fb0d6963f7d28e17f72'
  }
  for (const { digest, hash, hexLength } of DIGEST_ALGORITHMS) {
    t.equal(digest('abc'), abc[hash])
    t.equal(digest(Buffer.from('abc')), abc[hash])
    t.equal(digest('abc').length, hexLength)
  }
})

t.test('text beyond ASCII: it is hashed octet by octet', async t => {
  for (const { digest } of DIGEST_ALGORITHMS) {
    t.equal(digest('\u00e4'), digest(Buffer.from([0xe4])))
    t.not(digest('\u00e4'), digest(Buffer.from('\u00e4', 'utf8')))
  }
})
