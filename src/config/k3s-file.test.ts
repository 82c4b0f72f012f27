import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { formatCIDR } from '../model/ip.ts'
import { agentFlags } from './agent-flags.ts'
import { controllerFlags } from './controller-flags.ts'
import { loadSettings } from './settings.ts'

let root: string
let dir: string
let config: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'weft-k3s-file-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))
beforeEach(() => {
  dir = mkdtempSync(join(root, 'etc-'))
  config = join(dir, 'config.yaml')
})

/** The file and its drop-ins, by name. */
function write(files: Record<string, string>): void {
  mkdirSync(`${config}.d`)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
}

const load = (given: Record<string, unknown> = {}, env: NodeJS.ProcessEnv = {}) =>
  loadSettings(agentFlags, { config, ...given }, env)

describe("K3s' config.yaml, as pkg/configfilearg/parser.go reads it", () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['a list', { 'config.yaml': 'cluster-cidr: [10.1.0.0/16, "fd01::/56"]\n' }, ['10.1.0.0/16', 'fd01::/56']],
    ['a text with commas', { 'config.yaml': 'cluster-cidr: 10.1.0.0/16,fd01::/56\n' }, ['10.1.0.0/16', 'fd01::/56']],
    [
      'a key that comes twice',
      { 'config.yaml': 'cluster-cidr: 10.1.0.0/16\ncluster-cidr: 10.2.0.0/16\n' },
      ['10.2.0.0/16'],
    ],
    [
      'a drop-in that replaces',
      { 'config.yaml': 'cluster-cidr: 10.1.0.0/16\n', 'config.yaml.d/1.yaml': 'cluster-cidr: 10.2.0.0/16\n' },
      ['10.2.0.0/16'],
    ],
    [
      'a drop-in that appends',
      { 'config.yaml': 'cluster-cidr: 10.1.0.0/16\n', 'config.yaml.d/1.yml': 'cluster-cidr+: fd01::/56\n' },
      ['10.1.0.0/16', 'fd01::/56'],
    ],
    ['appending to nothing', { 'config.yaml': 'cluster-cidr+: 10.1.0.0/16\n' }, ['10.1.0.0/16']],
    [
      'drop-ins in the order of their names, not of their numbers',
      {
        'config.yaml.d/10-a.yaml': 'cluster-cidr: 10.10.0.0/16\n',
        'config.yaml.d/9-b.yaml': 'cluster-cidr: 10.9.0.0/16\n',
      },
      ['10.9.0.0/16'],
    ],
    [
      'drop-ins without the file itself, and other endings passed over',
      { 'config.yaml.d/A.YAML': 'cluster-cidr: 10.1.0.0/16\n', 'config.yaml.d/b.txt': 'cluster-cidr: 10.2.0.0/16\n' },
      ['10.1.0.0/16'],
    ],
    [
      'null and the empty text, which say the default',
      { 'config.yaml': 'cluster-cidr:\nservice-cidr: ""\n' },
      ['10.42.0.0/16'],
    ],
    ['an empty file', { 'config.yaml': '' }, ['10.42.0.0/16']],
  ])('%s', async (_name, files, expected) => {
    write(files)
    mkdirSync(join(`${config}.d`, 'folder.yaml'))
    expect((await load()).values['cluster-cidr'].map(formatCIDR)).toEqual(expected)
  })

  it.each([
    ['true', true],
    ['"true"', true],
    ['yes', true],
    ['on', true],
    ['off', false],
    ['n', false],
  ])('disable-kube-proxy: %s is %s, in YAML 1.1', async (text, expected) => {
    write({ 'config.yaml': `disable-kube-proxy: ${text}\n` })
    expect((await load()).values['disable-kube-proxy']).toBe(expected)
  })

  it('takes the last of a list for what holds one value', async () => {
    write({ 'config.yaml': 'node-name: [a, b]\n' })
    expect((await load()).values['node-name']).toBe('b')
  })

  it("passes over keys of K3s, and tells of one that looks like the agent's", async () => {
    write({
      'config.yaml': 'token: x\ndisable: [traefik]\nnode-ip: 10.0.0.1\nkubelet-arg: [v=2]\ncluster-cdir: 10.1.0.0/16\n',
    })
    expect((await load()).notes).toEqual([
      `${config}: cluster-cdir is no key of K3s and has no effect; did you mean cluster-cidr?`,
    ])
  })
})

describe('what is right for K3s and wrong here', () => {
  it.each([
    ['flannel-backend: wireguard-native\n', 'flannel-backend', '--flannel-backend=none'],
    ['cluster-cidr: 10.42.3.0/16\n', 'cluster-cidr', '--cluster-cidr=10.42.0.0/16'],
    ['kube-proxy-arg: proxy-mode=ipvs\n', 'kube-proxy-arg proxy-mode', '--proxy-mode=nftables'],
  ])('%j is overruled by a flag, and stays in the file', async (text, where, instead) => {
    write({ 'config.yaml': text })
    await expect(load()).rejects.toMatchObject({
      where: `${config}: ${where}`,
      remedy: expect.stringContaining(
        `write ${where.endsWith('-cidr') ? '' : 'for example '}${instead} as a flag: the line`,
      ),
    })
    const [name = '', value] = instead.slice(2).split('=')
    await expect(load({ [name]: value })).resolves.toBeDefined()
  })
})

describe('kube-proxy-arg', () => {
  const argued = async (args: string[], given: Record<string, unknown> = {}) => {
    write({ 'config.yaml': `kube-proxy-arg: ${JSON.stringify(args)}\n` })
    return (await load(given)).values
  }

  it.each<[string[], string[]]>([
    [['nodeport-addresses=10.0.0.0/8'], ['10.0.0.0/8']],
    [['--nodeport-addresses=10.0.0.0/8,192.168.0.0/16'], ['10.0.0.0/8', '192.168.0.0/16']],
    [
      ['nodeport-addresses=10.0.0.0/8', 'nodeport-addresses=192.168.0.0/16'],
      ['10.0.0.0/8', '192.168.0.0/16'],
    ],
    [
      ['nodeport-addresses=10.0.0.0/8', 'nodeport-addresses+=192.168.0.0/16'],
      ['10.0.0.0/8', '192.168.0.0/16'],
    ],
    [
      ['nodeport-addresses=10.0.0.0/8', 'nodeport-addresses-=192.168.0.0/16'],
      ['192.168.0.0/16', '10.0.0.0/8'],
    ],
  ])('of a list %j', async (args, expected) => {
    expect((await argued(args))['nodeport-addresses']).toEqual(expected)
  })

  it.each<[string[], number]>([
    [['conntrack-max-per-core=1', 'conntrack-max-per-core=2'], 2],
    [['conntrack-max-per-core+=3'], 3],
    [['conntrack-max-per-core-=3'], 0],
    [['cluster-cidr+=10.1.0.0/16', 'conntrack-max-per-core=4'], 4],
  ])('of one value %j: the last counts', async (args, expected) => {
    expect((await argued(args))['conntrack-max-per-core']).toBe(expected)
  })

  it('of ranges the last counts as well: to kube-proxy they are one text', async () => {
    const values = await argued(['cluster-cidr=10.1.0.0/16', 'cluster-cidr+=10.2.0.0/16'])
    expect(values['cluster-cidr'].map(formatCIDR)).toEqual(['10.2.0.0/16'])
  })

  it('a name alone is a switch, and the command line comes after the file', async () => {
    const values = await argued(['masquerade-all', 'conntrack-min=5'], { 'kube-proxy-arg': ['conntrack-min=6'] })
    expect([values['masquerade-all'], values['conntrack-min']]).toEqual([true, 6])
  })

  it('appends over files, and says in which of them a mistake stands', async () => {
    write({
      'config.yaml': 'kube-proxy-arg: conntrack-min=5\n',
      'config.yaml.d/x.yaml': 'kube-proxy-arg+: ["conntrack-tcp-be-liberal=maybe"]\n',
    })
    await expect(load()).rejects.toMatchObject({
      where: `${config}.d/x.yaml: kube-proxy-arg conntrack-tcp-be-liberal`,
      remedy: expect.stringContaining(
        'write for example --conntrack-tcp-be-liberal=false as a flag: the line in the file is for K3s as well',
      ),
    })
  })

  it('config=FILE is read, as kube-proxy reads it', async () => {
    const file = join(dir, 'proxy.yaml')
    writeFileSync(
      file,
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {min: 7, maxPerCore: 8}\n',
    )
    const values = await argued([`config=${file}`, 'conntrack-min=9'])
    expect([values['conntrack-max-per-core'], values['conntrack-min']]).toEqual([8, 9])
  })

  it("config=FILE cannot be K3s' own file", async () => {
    write({ 'config.yaml': `kube-proxy-arg: config=${config}\n` })
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_KIND', where: config })
  })
})

describe("K3s' environment", () => {
  it('K3S_NODE_NAME counts less than the file, and the file less than the flag', async () => {
    const env = { K3S_NODE_NAME: 'of-env' }
    write({ 'config.yaml': '' })
    expect((await load({}, env)).values['node-name']).toBe('of-env')
    writeFileSync(config, 'node-name: of-file\n')
    expect((await load({}, env)).values['node-name']).toBe('of-file')
    expect((await load({ 'node-name': 'of-flag' }, env)).values['node-name']).toBe('of-flag')
  })

  it('K3S_CONFIG_FILE names the file, unless --config does, which is said', async () => {
    write({ 'config.yaml': 'node-name: a\n', 'other.yaml': 'node-name: b\n' })
    const env = { K3S_CONFIG_FILE: config }
    expect((await load({ config: undefined }, env)).values['node-name']).toBe('a')
    const both = await load({ config: join(dir, 'other.yaml') }, env)
    expect(both.values['node-name']).toBe('b')
    expect(both.notes).toEqual(['$K3S_CONFIG_FILE has no effect beside --config'])
  })

  it('an empty variable is none', async () => {
    write({ 'config.yaml': '' })
    expect((await load({}, { K3S_NODE_NAME: '' })).values['node-name']).toBeUndefined()
  })
})

describe('the controller', () => {
  it("reads the cluster's ranges and kube-controller-manager's arguments", async () => {
    write({
      'config.yaml': `cluster-cidr: 10.1.0.0/16
service-cidr: 10.2.0.0/16
flannel-backend: vxlan
kube-controller-manager-arg: [node-cidr-mask-size=22, node-monitor-grace-period=20s]
`,
    })
    const { values, notes } = await loadSettings(controllerFlags, { config })
    expect(values['cluster-cidr'].map(formatCIDR)).toEqual(['10.1.0.0/16'])
    expect(values['service-cluster-ip-range'].map(formatCIDR)).toEqual(['10.2.0.0/16'])
    expect(values['node-cidr-mask-size']).toBe(22)
    expect(notes).toHaveLength(1)
  })

  it('takes no KubeProxyConfiguration', async () => {
    writeFileSync(config, 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n')
    await expect(loadSettings(controllerFlags, { config })).rejects.toMatchObject({ code: 'CONFIG_KIND' })
  })
})
