// The tests that need a kernel other than this machine's, in the VM: bundled here, run there one file after the other, told as they come.
// By hand: `node scripts/vm-tests.mjs [FILE…]`.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { cache, NoVm } from './vm-image.mjs'
import { runInVm } from './vm.mjs'

/**
 * What means something on another kernel: all that talks to netfilter, routing and sockets. Of long files only what `only` matches: the rest says nothing that
 * depends on the kernel, and user code runs ten times slower under emulation.
 */
export const vmTestFiles = [
  { file: 'test/vm/sctp.test.ts' },
  { file: 'test/vm/flush.test.ts' },
  { file: 'src/kernel/nftables/table.test.ts', only: 'needs root' },
  { file: 'src/kernel/nftables/ownership.test.ts' },
  { file: 'src/kernel/rtnetlink/kernel.test.ts' },
  { file: 'src/kernel/rtnetlink/differential.test.ts' },
  { file: 'src/kernel/rtnetlink/monitor.test.ts' },
  { file: 'src/kernel/conntrack/kernel.test.ts' },
  { file: 'src/kernel/wireguard/kernel.test.ts' },
  { file: 'src/kernel/sockets.test.ts' },
  { file: 'src/kernel/namespaces.test.ts' },
  { file: 'test/kernel/host.test.ts' },
  { file: 'test/kernel/node-facts.test.ts' },
  { file: 'test/kernel/host-gw.test.ts' },
  {
    file: 'test/kernel/service-nftables.test.ts',
    only: "every flow: pods known by their addresses '|what else there is|one feature each",
  },
  { file: 'test/kernel/services.test.ts' },
  { file: 'test/kernel/service-table.test.ts' },
  { file: 'test/kernel/cleanup.test.ts' },
]

/** Stands for the tests of a file that told of none. */
export const wholeFile = 'the file itself'

const fileLimitSeconds = 900
const allLimitSeconds = 3600

/** The kernel sizes its table of flows by its memory: tests make as many as on a common machine. */
const setUp = 'sysctl -q -w net.netfilter.nf_conntrack_max=262144'

/** @typedef {{ file: string, name: string, title: string, state: 'passed' | 'failed' | 'skipped', seconds: number, message: string }} VmResult */

/** @typedef {{ file: string, only?: string }} VmTestFile `only`: a pattern for the full names of tests */

/** @param {VmTestFile[]} files @param {(result: VmResult) => void} onResult @throws NoVm */
export async function runVmTests(files, onResult) {
  const folder = resolve(cache, `tests-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    await bundle(files, folder)
    const reported = new Set()
    const tell = (result) => {
      reported.add(result.file)
      onResult(result)
    }
    const each = files.map(
      ({ file }, index) =>
        `timeout ${fileLimitSeconds} node ${folder}/${index}.mjs; echo "${file}: exit $?, at $(cut -d' ' -f1 /proc/uptime) s"`,
    )
    const code = await runInVm([setUp, ...each].join('\n'), {
      timeoutSeconds: allLimitSeconds,
      onOutput: lines((line) =>
        line.startsWith('@@{') ? tell(JSON.parse(line.slice(2))) : process.stdout.write(`${line}\n`),
      ),
    })
    for (const { file } of files) {
      if (!reported.has(file)) {
        const message =
          code === 124 ? `the VM did not come to it within ${allLimitSeconds} s` : 'it ended without a result'
        onResult({ file, name: wholeFile, title: wholeFile, state: 'failed', seconds: 0, message })
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Calls for each whole line of what comes in pieces. */
function lines(onLine) {
  let rest = ''
  return (text) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) onLine(part)
  }
}

async function bundle(files, folder) {
  const runner = resolve('test/vm/run-file.ts')
  const entry = ({ file, only }) => `import { runFile } from ${JSON.stringify(runner)}
await runFile(${JSON.stringify({ root: resolve('.'), file, only })}, () => import(${JSON.stringify(resolve(file))}))`
  await Promise.all(
    files.map((one, index) =>
      build({
        stdin: { contents: entry(one), resolveDir: resolve('.'), loader: 'ts' },
        outfile: join(folder, `${index}.mjs`),
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        alias: { vitest: resolve('test/vm/vitest.ts') },
        external: ['koffi', 'esbuild'],
        plugins: [ownUrls],
        logLevel: 'error',
        banner: {
          js: "import { createRequire as vmRequire } from 'node:module'; const require = vmRequire(import.meta.url);",
        },
      }),
    ),
  )
}

/** Modules that look for files beside them must still find them from inside a bundle. */
const ownUrls = {
  name: 'own-urls',
  setup(build) {
    build.onLoad({ filter: /\/(src|test)\/.*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts' }
    })
  },
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const named = process.argv.slice(2)
  const files = named.length > 0 ? named.map((file) => ({ file })) : vmTestFiles
  const from = Date.now()
  const count = { passed: 0, failed: 0, skipped: 0 }
  try {
    await runVmTests(files, ({ file, name, state, seconds, message }) => {
      count[state]++
      process.stdout.write(`${state}: ${file}: ${name} (${seconds.toFixed(1)} s)${message && `: ${message}`}\n`)
    })
    process.stdout.write(
      `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped in ${((Date.now() - from) / 1000).toFixed(0)} s\n`,
    )
    process.exitCode = count.failed > 0 ? 1 : 0
  } catch (error) {
    if (!(error instanceof NoVm)) throw error
    process.stderr.write(`no VM: ${error.message}\n`)
    process.exitCode = 125
  }
}
