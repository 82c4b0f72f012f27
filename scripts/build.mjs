// Bundles the command into dist/: one entry and a chunk for each lazily loaded command, so that `weft --help` loads almost nothing.
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'

await rm('dist', { recursive: true, force: true })
await build({
  entryPoints: { weft: 'src/cli/main.ts', bench: 'bench/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['koffi'],
  sourcemap: true,
  logLevel: 'warning',
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: {
    js: "import { createRequire as weftRequire } from 'node:module'; const require = weftRequire(import.meta.url);",
  },
})
