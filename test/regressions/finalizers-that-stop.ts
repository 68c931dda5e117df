import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { KeptHandles } from '../../lib/platform/http2/kept-handles.js'
import { collectGarbage } from '../fixtures/collect-garbage.js'

// V8 of node 20 to 24 calls no finalizer of the process any more once a registry was collected that had still some to call. Any library may
// bring that about, by a registry that does not live as long as the process: undici has one for each connector that speaks TLS.

/** Brings it about. In a function of its own, so that nothing on the stack refers to the registry. */
async function stopFinalizers (): Promise<void> {
  let registry: FinalizationRegistry<undefined> | undefined = new FinalizationRegistry(() => {})
  const register = () => registry!.register({}, undefined)
  register()
  await turn()
  collectGarbage()
  registry = undefined
  collectGarbage()
  collectGarbage()
  await turn()
}

let called = 0
const lasting = new FinalizationRegistry(() => { called += 1 })

t.before(async () => {
  await stopFinalizers()
  const register = () => { lasting.register({}, undefined) }
  register()
  for (let i = 0; i < 3; i++) {
    await turn()
    collectGarbage()
  }
  await turn()
  t.comment(called === 0 ? 'no finalizers are called' : 'this V8 goes on to call finalizers')
})

t.test('sessions that end where V8 calls no finalizers: what is kept of the first is let go of', async t => {
  const kept = new KeptHandles()
  const ADDED = 6000
  for (let i = 0; i < ADDED; i++) {
    kept.add({})
    if (i % 100 !== 0) continue
    await turn()
    collectGarbage()
  }
  t.ok(kept.size < ADDED / 2, `${kept.size} of ${ADDED} are left`)
})

t.test('streams that end where V8 calls no finalizers: what is kept behind them is let go of, behind others it stays', async t => {
  const kept = new KeptHandles()
  const open = Array.from({ length: 100 }, () => ({}))
  const handles = open.map(first => {
    const handle = {}
    kept.addBehind(first, handle)
    return new WeakRef(handle)
  })
  const ADDED = 3000
  for (let i = 0; i < ADDED; i++) {
    kept.addBehind({}, {})
    if (i % 100 !== 0) continue
    await turn()
    collectGarbage()
  }
  t.ok(kept.size < ADDED / 2, `${kept.size} of ${ADDED} are left`)
  t.equal(handles.filter(handle => handle.deref() !== undefined).length, open.length)
})
