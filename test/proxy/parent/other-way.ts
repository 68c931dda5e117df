import t from 'tap'
import {
  ClientLeft, ConnectTimeout, ConnectionRefused, DnsFailed, DnsTimeout, LoopDetected, OutOfConnections, ParentContent, ParentCredentialsFailed, ParentDenied,
  ParentProtocol, ParentRefused, ParentTimeout, ParentUnproven, ParentUnreachable, RefusedCall, TargetDenied, TlsFailed, Unroutable, UpstreamTerminated
} from '../../../lib/errors.js'
import { mayGoAnotherWay } from '../../../lib/proxy/parent/other-way.js'

t.test('a way by which no connection came: another may be taken', async t => {
  const failures = [
    new ConnectionRefused(), new DnsFailed(), new DnsTimeout(), new Unroutable(), new ConnectTimeout(), new TlsFailed(), new UpstreamTerminated(),
    new ParentUnreachable(), new ParentTimeout(), new ParentProtocol(), new ParentDenied(502), new ParentDenied(503), new ParentDenied(504)
  ]
  for (const failure of failures) t.ok(mayGoAnotherWay(failure), failure.message)
})

t.test('a refusal, a client that left, or a fault of ours: no other way is taken', async t => {
  const failures = [
    new ParentDenied(403), new ParentRefused(), new ParentUnproven(), new ParentContent(), new ParentCredentialsFailed(), new TargetDenied('x'),
    new LoopDetected(), new ClientLeft('response'), new OutOfConnections(), new RefusedCall(), new Error('a fault')
  ]
  for (const failure of failures) t.notOk(mayGoAnotherWay(failure), failure.message)
})
