import { fileURLToPath } from 'node:url'
import { Stryker } from '@stryker-mutator/core'
import { SPARE_TIME } from './mutation/runner.js'

// npm run mutation [folder or file in lib …]  changes the code of each folder in some thousand ways and fails where the tests do not tell

const FOLDERS = ['schemes', 'fields', 'policy', 'passport', 'gate']

// StrykerJS loads the test runner in processes of its own.
process.env['NODE_OPTIONS'] = '--import=tsx'

for (const place of process.argv.length > 2 ? process.argv.slice(2) : FOLDERS) {
  const name = place.replaceAll('/', '-')
  await new Stryker({
    mutate: [place.endsWith('.ts') ? `lib/${place}` : `lib/${place}/**/*.ts`],
    testRunner: 'tap-in-process',
    plugins: [fileURLToPath(new URL('./mutation/runner.ts', import.meta.url))],
    testFolders: [`test/${place.split('/')[0]}`],
    buildCommand: 'tsx scripts/mutation/build.ts',
    coverageAnalysis: 'perTest',
    ignorePatterns: ['.compiled', '.mutation', '.tap', 'dist', 'docs'],
    concurrency: 2,
    timeoutMS: SPARE_TIME,
    timeoutFactor: 3,
    thresholds: { high: 95, low: 90, break: 85 },
    // Mutants of what runs at load are not slow: their tests are those of their own file, not all.
    warnings: { slow: false, unknownOptions: true, preprocessorErrors: true, unserializableOptions: true },
    reporters: ['progress-append-only', 'clear-text', 'json', 'html'],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false, skipFull: true },
    jsonReporter: { fileName: `.mutation/${name}.json` },
    htmlReporter: { fileName: `.mutation/${name}.html` },
    tempDirName: '.mutation/sandbox'
  }).runMutationTest()
}
