import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const weft = `${root}/bin/weft`

/** Without what this machine says to a K3s of its own. */
const environment = { ...labEnvironment(process.env), K3S_CONFIG_FILE: '/dev/null' }

function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(weft, args, { encoding: 'utf8', env: { ...environment, ...env } })
}

/** The command is tested as it is shipped, so dist/ must be built; a build that is there is taken as it is. */
beforeAll(() => {
  if (existsSync(`${root}/dist/weft.js`)) return
  const build = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: root, encoding: 'utf8' })
  expect(build.stderr).toBe('')
})

describe('help', () => {
  it.each([[['--help']], [['lab', '--help']], [['lab', 'up', '--help']], [['agent', '-h']]])(
    '%j: examples first',
    (args) => {
      const { status, stdout, stderr } = run(args)
      expect(stdout).toMatch(/^Examples:\n {2}\S/)
      expect(stdout).toContain('\nUsage: weft')
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    },
  )

  it('hides the processes that lab up starts', () => {
    expect(run(['lab', '--help']).stdout).not.toMatch(/supervise|^ {2}node/m)
  })

  it('loads no command', () => {
    const { stderr } = run(['--help'], { NODE_DEBUG: 'esm' })
    expect(stderr).not.toMatch(/dist\/(lab|agent|status|version)-/)
  })

  it('goes to stderr, as wrong usage, where a command is missing', () => {
    expect(run(['lab'])).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('Usage: weft lab') })
  })
})

describe('wrong usage', () => {
  it.each([
    [['lab', 'verfy'], "weft: unknown command 'verfy'", 'did you mean verify?'],
    [['lab', 'up', '--nodess', '3'], "weft: unknown option '--nodess'", 'did you mean --nodes?'],
    [['lab', 'up', '--nodes', '0'], 'a lab cannot have 0 nodes', 'give a number from 1 to 100'],
    [['agent', '--cluster-cidr', '10.42.0.0'], 'weft: "10.42.0.0" is no CIDR', 'write --cluster-cidr=10.42.0.0/16'],
    [['agent', '--kube-proxy-arg', 'proxy-mode=ipvs'], 'has no ipvs mode', '--kube-proxy-arg=proxy-mode=nftables'],
    [['agent', '--cleanup', '--cleanup-kube-proxy'], 'wants the agent to serve', 'one after the other'],
    [['version', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml', "see 'weft version --help'"],
    [['lab', 'exec'], "missing required argument 'pod'", "see 'weft lab exec --help'"],
  ])('%j', (args, what, remedy) => {
    const { status, stdout, stderr } = run(args)
    expect(stderr).toMatch(/^weft: .*\nremedy: .*\n$/)
    expect(stderr).toContain(what)
    expect(stderr).toContain(remedy)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})

describe('output', () => {
  it('prints a table without colour on a pipe', () => {
    expect(run(['version']).stdout).toMatch(/^WEFT +NODE +KERNEL\n\S+ +v\d+\S+ +\S+\n$/)
  })

  it('prints versioned JSON and the same as YAML', () => {
    const document = JSON.parse(run(['version', '-o', 'json']).stdout)
    expect(document).toMatchObject({ apiVersion: 'weft.k3s.io/v1alpha1', kind: 'Version', node: process.version })
    expect(run(['version', '-o', 'yaml']).stdout).toContain(`\nversion: ${document.version}\n`)
  })

  it('leaves quietly when its reader is gone', async () => {
    const child = spawn(weft, ['version', '-o', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += chunk))
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

describe('errors', () => {
  it('a lab that is not there: exit code 4, what, remedy, no stack', () => {
    const { status, stdout, stderr } = run(['lab', 'verify', '--name', 'nosuchlab'])
    expect(stderr).toMatch(
      /^weft: there is no lab named "nosuchlab" \(--name\)\nremedy: (there is: [a-z0-9, ]+; or )?start it with .*\n$/,
    )
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' })
  })

  it('shows stacks with --debug, wherever it stands', () => {
    expect(run(['lab', 'verify', '--name', 'nosuchlab', '--debug']).stderr).toMatch(/\n {4}at /)
    expect(run(['--debug', 'lab', 'verify', '--name', 'nosuchlab']).stderr).toMatch(/\n {4}at /)
  })
})

describe('signals', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s before the work is done: exit code %i', async (signal, expected) => {
    const dir = mkdtempSync(join(tmpdir(), 'weft-cli-'))
    const kubeconfig = join(dir, 'config')
    const clusters = [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }]
    const contexts = [{ name: 'c', context: { cluster: 'c' } }]
    writeFileSync(kubeconfig, JSON.stringify({ 'current-context': 'c', contexts, clusters }))
    const child = spawn(weft, ['agent', '--kubeconfig', kubeconfig, '--dry-run'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment,
    })
    // It goes on asking.
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += String(chunk)
      if (said.includes('the API does not answer yet')) child.kill(signal)
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    rmSync(dir, { recursive: true })
    expect(code, said).toBe(expected)
  })
})
