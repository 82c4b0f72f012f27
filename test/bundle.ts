import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * The command as one file in `dir`, so that a test is not disturbed by who builds dist/ meanwhile. Without what labs alone load, which is large. The folder must lie below the
 * checkout, where the native library is found.
 */
export async function bundleWeft(dir: string): Promise<string> {
  const outfile = join(dir, 'weft.mjs')
  await build({
    entryPoints: ['src/cli/main.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    external: ['up', 'node', 'api', 'supervise', 'verify', 'forward'].map((name) => `./lab-${name}.ts`),
    logLevel: 'error',
  })
  return outfile
}
