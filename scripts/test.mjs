// Everything that this machine can check: types, lint, format, and every test; what is skipped is named with its reason.
// Ends with the line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { NoVm } from './vm-image.mjs'
import { runVmTests, vmTestFiles } from './vm-tests.mjs'

const report = '.cache/tests.json'
const oldKubectl = '.cache/kubectl-1.20/usr/bin/kubectl'
let passed = 0
/** Every check and test that failed, told again at the end: by then its own report is thousands of lines up. */
const failures = []
/** Where they may still run: in the VM. File and title of each, and how to tell of it. */
const skipped = []

const say = (line) => process.stdout.write(`${line}\n`)

/** A failed test with the first lines of its reason, without colours. */
const describe = (file, name, message) => {
  const lines = stripVTControlCharacters(message ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return [`${file}: ${name}`, ...lines.slice(0, 12)].join('\n    ')
}

/** Runs one check with its output shown; counts it. */
function check(name, command, args) {
  const from = Date.now()
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status === 0) passed++
  else failures.push(name)
  say(`${status === 0 ? 'ok' : 'FAILED'}: ${name} (${((Date.now() - from) / 1000).toFixed(1)} s)`)
}

/** Debian's kubectl 1.20, unpacked and not installed: the oldest that people still have. */
function fetchOldKubectl() {
  if (existsSync(oldKubectl)) return
  mkdirSync('.cache', { recursive: true })
  const script =
    'rm -f kubernetes-client_*.deb; apt-get download -q kubernetes-client && dpkg-deb -x kubernetes-client_*.deb kubectl-1.20'
  let { status } = spawnSync('bash', ['-c', script], { cwd: '.cache', stdio: 'ignore' })
  if (status !== 0) {
    spawnSync('apt-get', ['update', '-q'], { stdio: 'ignore' })
    status = spawnSync('bash', ['-c', script], { cwd: '.cache', stdio: 'ignore' }).status
  }
  if (status !== 0) say("note: Debian's kubectl 1.20 cannot be had here; its tests are skipped")
}

function vitest() {
  rmSync(report, { force: true })
  const args = [
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ]
  spawnSync('npx', ['--no-install', ...args], { stdio: 'inherit' })
  if (!existsSync(report)) {
    failures.push('the test runner wrote no report')
    return
  }
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  for (const file of testResults) {
    const tests = file.assertionResults
    for (const test of tests) {
      if (test.status === 'passed') passed++
      else if (test.status === 'failed')
        failures.push(describe(relative('.', file.name), test.fullName, test.failureMessages[0]))
      else {
        skipped.push({ file: relative('.', file.name), title: test.title, name: test.fullName })
      }
    }
    // A file that could not even be loaded has no tests to count.
    if (file.status === 'failed' && !tests.some((test) => test.status === 'failed')) {
      failures.push(describe(relative('.', file.name), 'the file itself', file.message))
    }
  }
}

/** On another kernel, what depends on the kernel: a test that is skipped here and passes there is not a skipped one. */
async function vmTests() {
  const from = Date.now()
  const files = new Map()
  try {
    await runVmTests(vmTestFiles, ({ file, name, title, state, seconds, message }) => {
      if (state === 'skipped') {
        skipped.push({ file, title, name: `in the VM: ${name}${message && ` (${message})`}` })
        return
      }
      const here = skipped.findIndex((one) => one.file === file && one.title === title)
      if (here >= 0) skipped.splice(here, 1)
      if (state === 'passed') passed++
      else failures.push(describe(file, `in the VM: ${name}`, message))
      const count = files.get(file) ?? { tests: 0, seconds: 0 }
      files.set(file, { tests: count.tests + 1, seconds: count.seconds + seconds })
    })
    for (const [file, { tests, seconds }] of files) say(`in the VM: ${file} (${tests} tests) ${seconds.toFixed(1)} s`)
    say(`the VM took ${((Date.now() - from) / 1000).toFixed(0)} s`)
  } catch (error) {
    if (!(error instanceof NoVm)) throw error
    for (const { file } of vmTestFiles) skipped.push({ file, title: '', name: `in the VM: ${file} (${error.message})` })
  }
}

check('types', 'npx', ['--no-install', 'tsc', '--noEmit'])
check('lint and import rules', 'npx', ['--no-install', 'oxlint', '--type-aware', '--deny-warnings'])
check('format', 'npx', ['--no-install', 'biome', 'format', '.'])
fetchOldKubectl()
vitest()
// Somebody who names tests has chosen among those of this machine.
if (process.argv.length === 2) await vmTests()
for (const { name } of skipped) say(`skipped: ${name}`)
for (const failure of failures) say(`FAILED: ${failure}`)
say(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`)
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0
