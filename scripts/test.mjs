// Everything that this machine can check: types, lint, format, and every test; what is skipped is named with its reason.
// Ends with the line `N passed, N failed, N skipped`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { NoVm } from './vm-image.mjs'
import { runVmTests, vmTestFiles, wholeFile } from './vm-tests.mjs'

const report = '.cache/tests.json'
const oldKubectl = '.cache/kubectl-1.20/usr/bin/kubectl'
let passed = 0
/** Every check and test that failed, told again at the end: by then its own report is thousands of lines up. */
const failures = []
/** Where they may still run: in the VM. File and title of each, and how to tell of it. */
const skipped = []

/** Of the files that failed; above it the whole run has. */
const mostFilesTwice = 4

const say = (line) => process.stdout.write(`${line}\n`)

/** A failed test with the first lines of its reason, without colours. */
const describe = ({ file, place = '', name, message }) => {
  const lines = stripVTControlCharacters(message ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes('/node_modules/'))
  return [`${file}: ${place}${name}`, ...lines.slice(0, 12)].join('\n    ')
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

/** Runs these files, or all. @returns their results, undefined if the runner told none */
function vitest(files) {
  rmSync(report, { force: true })
  const args = ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...files]
  spawnSync('npx', ['--no-install', ...args], { stdio: 'inherit' })
  return existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(resultsOf) : undefined
}

/** A file that could not be loaded or prepared has tests at best that were skipped for that: it counts as one that failed. */
function resultsOf({ name, status, message, assertionResults }) {
  const file = relative('.', name)
  const results = assertionResults.map((test) => ({
    file,
    name: test.fullName,
    title: test.title,
    state: test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped',
    message: test.failureMessages?.[0] ?? '',
  }))
  if (status !== 'failed' || results.some(({ state }) => state === 'failed')) return results
  return [{ file, name: wholeFile, title: '', state: 'failed', message }]
}

async function testsHere() {
  const results = vitest(process.argv.slice(2))
  if (results === undefined) failures.push('the test runner wrote no report')
  await judge(count(results ?? []), (files) => vitest(files) ?? [])
}

/** Counts what passed and what was skipped. @returns what failed */
function count(results) {
  passed += results.filter(({ state }) => state === 'passed').length
  skipped.push(...results.filter(({ state }) => state === 'skipped'))
  return results.filter(({ state }) => state === 'failed')
}

/** What failed has failed. Its files run once more, to tell an accident from what always fails; but not where so many failed that it is none. */
async function judge(failed, runAgain) {
  const files = [...new Set(failed.map(({ file }) => file))]
  const isWorthIt = files.length > 0 && files.length <= mostFilesTwice
  if (isWorthIt) say(`once more, alone: ${files.join(', ')}`)
  const results = isWorthIt ? await runAgain(files) : []
  for (const test of failed) {
    const now = results.filter(
      ({ file, name }) => file === test.file && (name === test.name || test.name === wholeFile),
    )
    const isBetter = now.some(({ state }) => state === 'passed') && !now.some(({ state }) => state === 'failed')
    failures.push(`${isBetter ? '(passed when run again, alone) ' : ''}${describe(test)}`)
  }
}

/** On another kernel, what depends on the kernel: a test that is skipped here and passes there is not a skipped one. */
async function vmTests() {
  const from = Date.now()
  try {
    await judge(await inVm(vmTestFiles), async (again) => {
      const results = []
      await runVmTests(
        vmTestFiles.filter(({ file }) => again.includes(file)),
        (result) => results.push(result),
      )
      return results
    })
    say(`the VM took ${((Date.now() - from) / 1000).toFixed(0)} s`)
  } catch (error) {
    if (!(error instanceof NoVm)) throw error
    for (const { file } of vmTestFiles) skipped.push({ file, title: '', name: `in the VM: ${file} (${error.message})` })
  }
}

/** Runs these files and counts. @returns what failed */
async function inVm(vmFiles) {
  const failed = []
  const files = new Map()
  await runVmTests(vmFiles, (result) => {
    const { file, name, title, state, seconds, message } = result
    if (state === 'skipped') {
      skipped.push({ file, title, name: `in the VM: ${name}${message && ` (${message})`}` })
      return
    }
    const here = skipped.findIndex((one) => one.file === file && one.title === title)
    if (here >= 0) skipped.splice(here, 1)
    if (state === 'passed') passed++
    else failed.push({ ...result, place: 'in the VM: ' })
    const sum = files.get(file) ?? { tests: 0, seconds: 0 }
    files.set(file, { tests: sum.tests + 1, seconds: sum.seconds + seconds })
  })
  for (const [file, { tests, seconds }] of files) say(`in the VM: ${file} (${tests} tests) ${seconds.toFixed(1)} s`)
  return failed
}

check('types', 'npx', ['--no-install', 'tsc', '--noEmit'])
check('lint and import rules', 'npx', ['--no-install', 'oxlint', '--type-aware', '--deny-warnings'])
check('format', 'npx', ['--no-install', 'biome', 'format', '.'])
fetchOldKubectl()
await testsHere()
// Somebody who names tests has chosen among those of this machine.
if (process.argv.length === 2) await vmTests()
for (const { name } of skipped) say(`skipped: ${name}`)
for (const failure of failures) say(`FAILED: ${failure}`)
say(`${passed} passed, ${failures.length} failed, ${skipped.length} skipped`)
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0
