import t from 'tap'
import {
  ConnectTimeout, ConnectionRefused, DnsTimeout, LoopDetected, MalformedField, MissingPackage, OutOfConnections, ParentDenied, ParentRefused, TlsFailed, UpstreamTimeout
} from '../../../lib/errors.js'
import { parentFailure, refusedLogin } from '../../../lib/proxy/parent/parent-failure.js'

const parent = { name: 'parent-1' }

t.test('a failure towards a parent: its name says how far it came, and it names the parent', async t => {
  const rows: Array<[unknown, string, string]> = [
    [{ code: 'ECONNREFUSED' }, 'PARENT_UNREACHABLE', 'PARENT_PROTOCOL'],
    [{ code: 'ECONNRESET' }, 'PARENT_UNREACHABLE', 'PARENT_PROTOCOL'],
    [new ConnectionRefused(), 'PARENT_UNREACHABLE', 'PARENT_PROTOCOL'],
    [new TlsFailed(), 'PARENT_UNREACHABLE', 'PARENT_PROTOCOL'],
    [new ConnectTimeout(), 'PARENT_TIMEOUT', 'PARENT_TIMEOUT'],
    [new DnsTimeout(), 'PARENT_TIMEOUT', 'PARENT_TIMEOUT'],
    [new UpstreamTimeout(), 'PARENT_TIMEOUT', 'PARENT_TIMEOUT'],
    [new MalformedField('challenge', 3), 'PARENT_UNREACHABLE', 'PARENT_PROTOCOL'],
    [new ParentRefused(), 'PARENT_REFUSED', 'PARENT_REFUSED'],
    [new ParentDenied(403), 'PARENT_DENIED', 'PARENT_DENIED'],
    [{ code: 'EMFILE' }, 'OUT_OF_CONNECTIONS', 'OUT_OF_CONNECTIONS'],
    [new OutOfConnections(), 'OUT_OF_CONNECTIONS', 'OUT_OF_CONNECTIONS'],
    [{ code: 'EINVAL' }, 'REFUSED_CALL', 'REFUSED_CALL'],
    [new MissingPackage('a', 'b'), 'MISSING_PACKAGE', 'MISSING_PACKAGE'],
    [new LoopDetected(), 'LOOP', 'LOOP']
  ]
  for (const [cause, connecting, connected] of rows) {
    t.match(parentFailure(parent, cause, 'connecting'), { code: `FST_PROXY_AUTH_${connecting}`, parent: 'parent-1' })
    t.match(parentFailure(parent, cause, 'connected'), { code: `FST_PROXY_AUTH_${connected}`, parent: 'parent-1' })
  }
  t.match(parentFailure(parent, { code: 'ECONNREFUSED' }, 'connecting').cause, { code: 'FST_PROXY_AUTH_CONNECTION_REFUSED' })
})

t.test('a login that is refused: the failure has the account', async t => {
  t.match(refusedLogin('gw#1'), { code: 'FST_PROXY_AUTH_PARENT_REFUSED', account: 'gw#1', receivedStatus: 407 })
})
