import t from 'tap'
import { underPrefix, withinPrefix } from '../../../lib/proxy/ingress/under-prefix.js'

const rows: Array<[prefix: string, url: string, under: boolean]> = [
  ['/api', '/api', true],
  ['/api', '/api/x?y', true],
  ['/api', '/API//x', true],
  ['/api', '//api/x', true],
  ['/api', '/%61pi/x', true],
  ['/api', '/%zz', true],
  ['/api', '/other', false],
  ['/api', '/?/api', false],
  ['/api/:tenant', '/api/a', true],
  ['/api/:tenant', '/other', false],
  ['/:tenant/api', '/other', true],
  ['', '/other', true],
  ['/', '/other', true],
  ['api', '/api', true]
]

for (const [prefix, url, under] of rows) {
  t.test(`${url} and ${prefix}`, async t => { t.equal(underPrefix(prefix)(url), under) })
}

const within: Array<[prefix: string, url: string, within: boolean]> = [
  ['/api', '/api', true],
  ['/api', '/api?x', true],
  ['/api/', '/API//x', true],
  ['/api', '/apis', false],
  ['/api', '/%zz', false],
  ['/api/:tenant', '/api/a/b', true],
  ['/api/:tenant', '/api', false],
  ['/:tenant/api', '/a/other', false],
  ['', '/other', true]
]

for (const [prefix, url, is] of within) {
  t.test(`${url} within ${prefix}`, async t => { t.equal(withinPrefix(prefix)(url), is) })
}
