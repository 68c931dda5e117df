import t from 'tap'
import { readSignedTarget } from '../../../lib/schemes/aws4/signed-target.js'

t.test('a target in origin-form or asterisk-form: path and query are taken as received, and the host (R-AWS-3)', async t => {
  t.same(readSignedTarget('GET', '/a%20b/../c?q=%41&', 'Origin.test:80'), { path: '/a%20b/../c', query: 'q=%41&', host: 'Origin.test:80' })
  t.same(readSignedTarget('GET', '/?a?b', 'o'), { path: '/', query: 'a?b', host: 'o' })
  t.same(readSignedTarget('OPTIONS', '*', 'o'), { path: '*', query: '', host: 'o' })
})

t.test('a target in absolute-form: the host must be that of the target, however it is spelt (R-AWS-4, R-TGT-2)', async t => {
  for (const [target, host] of [
    ['http://origin.test/p', 'origin.test'], ['http://origin.test/p', 'origin.test:80'], ['http://ORIGIN.test:80/p', 'origin.TEST'],
    ['https://origin.test/p', 'origin.test:443'], ['https://origin.test/p', 'origin.test'], ['http://origin.test:8080/p', 'origin.test:8080'], ['http://[::1]:81/p', '[::1]:81']
  ] as const) t.same(readSignedTarget('GET', target, host), { path: '/p', query: '', host }, `${target} ${host}`)
  for (const [target, host] of [
    ['http://origin.test/p', 'other.test'], ['http://origin.test/p', 'origin.test:8080'], ['https://origin.test/p', 'origin.test:80'],
    ['http://origin.test:8080/p', 'origin.test'], ['http://origin.test/p', ''], ['http://origin.test/p', 'u@origin.test']
  ] as const) t.equal(readSignedTarget('GET', target, host), undefined, `${target} ${host}`)
})

t.test('CONNECT: the empty path counts as /, and the authority as the host (R-AWS-8)', async t => {
  for (const host of [undefined, 'other.test']) {
    t.same(readSignedTarget('CONNECT', 'origin.test:443', host), { path: '/', query: '', host: 'origin.test:443' })
  }
})

t.test('a target that is not valid: it is not signed', async t => {
  t.equal(readSignedTarget('GET', 'ftp://origin.test/', 'origin.test'), undefined)
  t.equal(readSignedTarget('CONNECT', 'origin.test', 'origin.test'), undefined)
  t.equal(readSignedTarget('GET', '/', undefined), undefined)
  t.equal(readSignedTarget('', '', 'origin.test'), undefined)
})
