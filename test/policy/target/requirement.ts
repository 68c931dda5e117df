import t from 'tap'
import { PatternList } from '../../../lib/policy/target/pattern-list.js'
import { createRequirement } from '../../../lib/policy/target/requirement.js'

const requirement = (demand: string, ...to: string[]) => ({ to: PatternList.from(to, 'forward.strategies[0].to'), demand })

t.test('several requirements that hold the target, in any spelling: the first counts', async t => {
  const demandOf = createRequirement([
    requirement('token', 'api.pay.example:8443', '192.0.2.0/24', '[2001:db8::1]:443'),
    requirement('certificate', '*.pay.example'),
    requirement('digest', 'pay.example', '192.0.2.7')
  ], 'basic')
  const rows: Array<[host: string, port: number, demand: string]> = [
    ['api.pay.example', 8443, 'token'],
    ['api.pay.example', 443, 'certificate'],
    ['API.Pay.Example.', 443, 'certificate'],
    ['pay.example', 1, 'digest'],
    ['pay.example.evil.example', 443, 'basic'],
    ['192.0.2.7', 80, 'token'],
    ['0xc0.0.2.7', 80, 'token'],
    ['::ffff:192.0.2.7', 80, 'token'],
    ['2001:db8:0::1', 443, 'token'],
    ['2001:db8::1', 80, 'basic'],
    ['other.example', 443, 'basic']
  ]
  for (let i = 0; i < 2; i++) for (const [host, port, demand] of rows) t.equal(demandOf({ host, port }), demand, `${host}:${port}`)
})

t.test('what is no host is held by none: it is refused later, by whoever reads it', async t => {
  t.equal(createRequirement([requirement('token', '*')], 'basic')({ host: 'a b', port: 80 }), 'basic')
})

t.test('no requirements: all targets have the same demand', async t => {
  t.equal(createRequirement([], 'basic')({ host: 'a.test', port: 80 }), 'basic')
})
