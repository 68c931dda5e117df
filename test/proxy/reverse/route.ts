import t from 'tap'
import { fullPrefix } from '../../../lib/proxy/reverse/route.js'

t.test('the prefix of a route: is that of the scope and its own, as clients have it', async t => {
  t.equal(fullPrefix({ prefix: '' }, { prefix: '/api' }), '/api')
  t.equal(fullPrefix({ prefix: '/v1' }, { prefix: 'api' }), '/v1/api')
  t.equal(fullPrefix({ prefix: '' }, {}), '/')
})
