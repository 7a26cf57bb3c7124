import { defineConfig } from 'vitest/config';

/** The floor for the parts whose defects would corrupt somebody's model. */
const CORE = { lines: 90 };

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests that call onnxruntime themselves: no telemetry, no logs of it beside temporary files.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    // Limits against hanging, generous because a busy machine must not fail a correct test.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/plain-reporter.mjs'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'passes/**/*.ts'],
      exclude: ['**/*.d.ts', '**/generated/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: {
        'src/wire/**': CORE,
        'src/ir/**': CORE,
        'src/io/**': CORE,
        'src/rewrite/**': CORE,
        'passes/**': CORE,
      },
    },
  },
});
