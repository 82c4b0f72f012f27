import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listing, Machine, noMachine } from './machine.ts'

interface Mistake {
  what: string
  /** Shell commands in a mount namespace of their own, before the command. */
  prepare?: string
  args: string[]
  code: number
  /** All that the message has to say. */
  words: (string | RegExp)[]
}

const up = (...args: string[]): string[] => ['lab', 'up', '--nodes', '1', '--detach', ...args]
const hide = (...files: string[]): string =>
  files.map((file) => `for f in ${file}; do [ ! -e $f ] || mount --bind /dev/null $f; done`).join('\n')

/** A library is found by its name alone: it has to be gone, which a layer with a whiteout does (overlayfs: "whiteouts and opaque directories"). */
const withoutLibrary = (name: string): string => `
  mount -t tmpfs none /mnt
  for f in $(ls -d /lib/*/${name} /usr/lib/*/${name} /usr/lib64/${name} 2>/dev/null); do
    dir=$(realpath $(dirname $f))
    [ -e $dir/${name} ] || continue
    own=/mnt$dir
    mkdir -p $own/upper $own/work
    mknod $own/upper/${name} c 0 0
    mount -t overlay none -o lowerdir=$dir,upperdir=$own/upper,workdir=$own/work $dir
  done`

const manifests: Record<string, string> = {
  'syntax.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec:\n  ports: [{port: 80\n  selector: {a: b}\n',
  'kindless.yaml':
    '# fine\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\napiVersion: v1\nmetadata: {name: y}\n',
  'kind.yaml': 'apiVersion: v1\nkind: Servce\nmetadata: {name: x}\n',
  'field.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 80}], selectr: {a: b}}\n',
  'value.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 99999}]}\n',
  'empty.yaml': '',
  'notes/readme.txt': 'no manifest',
  kubeconfig: 'clusters: []\n',
  meminfo: 'MemTotal: 8000000 kB\nMemAvailable: 600000 kB\nSwapFree: 0 kB\n',
}

const aManifest: Mistake[] = [
  { what: 'bad YAML', args: up('-f', '/tmp/syntax.yaml'), code: 2, words: ['/tmp/syntax.yaml:6: ', 'indented'] },
  { what: 'no kind', args: up('-f', '/tmp/kindless.yaml'), code: 2, words: ['/tmp/kindless.yaml:6: kind is missing'] },
  {
    what: 'an unknown kind',
    args: up('-f', '/tmp/kind.yaml'),
    code: 1,
    words: ['/tmp/kind.yaml:1: ', 'no matches for kind "Servce" in version "v1"', 'remedy: correct'],
  },
  {
    what: 'an unknown field',
    args: up('-f', '/tmp/field.yaml'),
    code: 1,
    words: ['/tmp/field.yaml:1: the API refuses Service x: ', 'unknown field "spec.selectr"'],
  },
  {
    what: 'a value that cannot be',
    args: up('-f', '/tmp/value.yaml'),
    code: 1,
    words: ['spec.ports[0].port: Invalid value: 99999', 'between 1 and 65535'],
  },
  {
    what: 'an empty file',
    args: up('-f', '/tmp/empty.yaml'),
    code: 2,
    words: ['there is no object in /tmp/empty.yaml'],
  },
  {
    what: 'no such file',
    args: up('-f', 'nowhere.yaml'),
    code: 2,
    words: ['cannot read nowhere.yaml: there is no such'],
  },
  { what: 'a directory without any', args: up('-f', '/tmp/notes'), code: 2, words: ['/tmp/notes has no *.yaml'] },
  { what: 'a URL', args: up('-f', 'https://example.com/a.yaml'), code: 2, words: ['remedy: get it first: curl'] },
]

const anOption: Mistake[] = [
  { what: '--nodes 0', args: ['lab', 'up', '--nodes', '0'], code: 2, words: ['--nodes', '0 nodes', 'from 1 to 100'] },
  { what: '--nodes 1000', args: ['lab', 'up', '--nodes', '1000'], code: 2, words: ['1000 nodes', 'from 1 to 100'] },
  { what: 'a name that cannot be', args: up('--name', 'My_Lab'), code: 2, words: ['"My_Lab"', 'e.g. "demo"'] },
  { what: 'an unknown option', args: up('--node', '3'), code: 2, words: ["'--node'", 'did you mean --nodes?'] },
  {
    what: 'a kubeconfig that is not there',
    args: up('--kubeconfig', '/tmp/nowhere'),
    code: 2,
    words: ['/tmp/nowhere', 'remedy: '],
  },
  {
    what: 'a kubeconfig of nothing',
    args: up('--kubeconfig', '/tmp/kubeconfig'),
    code: 2,
    words: ['/tmp/kubeconfig', 'remedy: '],
  },
  {
    what: 'no such lab',
    args: ['lab', 'verify', '--name', 'nobody'],
    code: 4,
    words: ['no lab named "nobody"', 'lab up'],
  },
]

const aMachine: Mistake[] = [
  {
    what: 'no root',
    prepare: 'set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"',
    args: up(),
    code: 5,
    words: ['needs root', 'remedy: run the command with sudo'],
  },
  {
    what: 'a root that is not allowed',
    prepare: 'set -- setpriv --bounding-set=-sys_admin "$@"',
    args: up(),
    code: 5,
    words: ['CAP_SYS_ADMIN', 'privileged'],
  },
  ...(
    [
      ['iproute2', ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip', '/bin/ip'], 'the program "ip"'],
      ['util-linux', ['/usr/bin/nsenter', '/bin/nsenter'], 'the program "nsenter"'],
      ['util-linux', ['/usr/bin/unshare', '/bin/unshare'], 'the program "unshare"'],
      ['containernetworking-plugins', ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'], 'the CNI plugin "bridge"'],
    ] as const
  ).map(
    ([name, files, words]): Mistake => ({
      what: `no ${words}`,
      prepare: hide(...files),
      args: up(),
      code: 2,
      words: [words, `apt-get install ${name}`],
    }),
  ),
  {
    what: 'no libnftables',
    prepare: withoutLibrary('libnftables.so.1'),
    args: up(),
    code: 2,
    words: ['libnftables.so.1', 'apt-get install libnftables1'],
  },
  {
    what: 'no cgroup2',
    prepare: 'umount -l /sys/fs/cgroup',
    args: up(),
    code: 2,
    words: ['cgroup2 is not mounted', 'mount -t'],
  },
  {
    what: 'no br_netfilter',
    prepare: 'mount -t tmpfs none /proc/sys/net/bridge',
    args: up(),
    code: 2,
    words: ['br_netfilter is not loaded', 'remedy: modprobe br_netfilter'],
  },
  {
    what: 'too little memory',
    prepare: 'mount --bind /tmp/meminfo /proc/meminfo',
    args: ['lab', 'up', '--nodes', '20'],
    code: 1,
    words: ['20 nodes', 'MiB', '--nodes 5'],
  },
  { what: 'too few open files', prepare: 'ulimit -n 100', args: up(), code: 1, words: ['100 files', 'ulimit -n 4096'] },
  {
    what: 'a disk that is almost full',
    prepare: 'mkdir -p /var/lib/weft; mount -t tmpfs -o size=1m none /var/lib/weft',
    args: up(),
    code: 1,
    words: ['needs 50 MiB', 'make room'],
  },
  {
    what: 'a full disk',
    prepare: `mkdir -p /var/lib/weft; mount -t tmpfs -o size=1g,nr_inodes=2 none /var/lib/weft; touch /var/lib/weft/file`,
    args: up(),
    code: 1,
    words: ['cannot be made', 'ENOSPC', 'make room'],
  },
  {
    what: 'a read-only disk',
    prepare: 'mkdir -p /var/lib/weft; mount -t tmpfs -o ro none /var/lib/weft',
    args: up(),
    code: 1,
    words: ['cannot be made', 'EROFS', 'writable'],
  },
]

describe.skipIf(noMachine)(`a mistake is one clear message (${noMachine ?? 'in a machine of its own'})`, () => {
  let machine: Machine
  let before: Listing

  beforeAll(async () => {
    machine = await Machine.start('mistakes')
    for (const [name, text] of Object.entries(manifests)) machine.write(`/tmp/${name}`, text)
    before = await machine.listing()
  })
  afterAll(() => machine?.close())

  it.each([...aManifest, ...anOption, ...aMachine])('$what', async ({ prepare = '', args, code, words }) => {
    const { stderr, ...ended } = await machine.weftIn(`${prepare}\n`, ...args)
    for (const word of words) expect(stderr).toMatch(word)
    const message = stderr.split('\n').filter((line) => /^(weft|why|remedy): /.test(line))
    expect(message.map((line) => line.slice(0, line.indexOf(':')))).toEqual(
      message.length === 3 ? ['weft', 'why', 'remedy'] : ['weft', 'remedy'],
    )
    expect(stderr).not.toMatch(/^ +at /m)
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' })
  })

  it('and nothing was made', async () => {
    await machine.sh('rmdir /var/lib/weft')
    expect(await machine.listing()).toEqual(before)
  })
})
