import t from 'tap'
import { ownProgram } from '../fixtures/own-program.js'
import { runProgram } from '../fixtures/run-program.js'

// To follow one request through lib, a reader opens each of these files.
const MOST = { forward: 45, reverse: 50 }

t.test('one warm GET: the files of lib that it runs through stay few', async t => {
  const { execArgv, file } = ownProgram(new URL('../fixtures/files-of-a-get.ts', import.meta.url))
  const { code, stdout, stderr } = await runProgram(t, process.execPath, [...execArgv, file])
  t.equal(code, 0, stderr)
  const files = JSON.parse(stdout) as Record<keyof typeof MOST, string[]>
  for (const way of ['forward', 'reverse'] as const) {
    t.ok(files[way].length <= MOST[way], `${way}: ${files[way].length} files`, { files: files[way] })
    t.ok(files[way].includes('gate/admit'), 'the request was asked for credentials')
  }
})
