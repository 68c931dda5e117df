import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default neostandard({ ts: true, filesTs: ['**/*.mts', '**/*.cts'], ignores: resolveIgnoresFromGitignore() })
