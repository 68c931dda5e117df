import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, filesTs: ['**/*.mts', '**/*.cts'], ignores: resolveIgnoresFromGitignore() }),
  {
    files: ['lib/**/*.ts'],
    rules: {
      '@stylistic/arrow-parens': ['error', 'always'],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-syntax': ['error', { selector: 'ImportSpecifier[importKind="type"]', message: 'Types have an import of their own.' }]
    }
  }
]
