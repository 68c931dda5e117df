import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, filesTs: ['**/*.mts', '**/*.cts'], ignores: resolveIgnoresFromGitignore() }),
  {
    files: ['lib/**/*.ts'],
    rules: {
      '@stylistic/arrow-parens': ['error', 'always'],
      '@stylistic/max-len': ['error', {
        code: 120,
        comments: 100,
        ignoreUrls: true,
        ignoreStrings: true,
        ignoreTemplateLiterals: true,
        ignoreRegExpLiterals: true
      }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-syntax': ['error', { selector: 'ImportSpecifier[importKind="type"]', message: 'Types have an import of their own.' }]
    }
  }
]
