// Bundles the command: one entry and a chunk for each lazily loaded command, so that `weft --help` loads almost nothing. Built aside and
// swapped in, so that a build that fails leaves what was there.
import { rename, rm } from 'node:fs/promises'
import { build } from 'esbuild'

const aside = `.cache/dist-${process.pid}`
await build({
  entryPoints: { weft: 'src/cli/main.ts', bench: 'bench/main.ts' },
  outdir: aside,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Loaded lazily, and CommonJS or native: a bundled `import()` of those has no named exports.
  external: ['koffi', '@peculiar/x509', 'reflect-metadata', 'yaml', 'pino', 'prom-client', 'ws'],
  sourcemap: true,
  logLevel: 'warning',
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: "import { createRequire as weftRequire } from 'node:module'; const require = weftRequire(import.meta.url);",
  },
})
await rm('dist', { recursive: true, force: true })
await rename(aside, 'dist')
