// `npm run build`: compiles lib to dist, all of it anew. With BUILT in the environment it is there already: .ci/run says so, where six
// commands would build it once more each.
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'

if (process.env.BUILT === undefined || !existsSync('dist/index.js')) {
  rmSync('dist', { recursive: true, force: true })
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
}
