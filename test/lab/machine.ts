import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cgroupRoot, createCgroup, joinCgroup, killCgroup, listPids } from '../../src/kernel/cgroup.ts'
import { type RunResult, run } from '../../src/kernel/process.ts'

export const root = join(import.meta.dirname, '../..')
/** The built command; $WEFT_BIN names another build. */
export const weft = process.env['WEFT_BIN'] ?? join(root, 'bin/weft')

/** Why the tests of this folder cannot run here; undefined where they can. */
export const noMachine: string | undefined = !(process.geteuid?.() === 0)
  ? 'needs root for namespaces'
  : existsSync(join(weft, '../../dist/weft.js'))
    ? undefined
    : 'needs a build: npm run build'

/** So that what keeps the first process busy is told from what a lab left. */
const initSleep = 2_147_483_647

/**
 * What the first process of a machine does: private places where a lab may leave something, a cgroup2 hierarchy that begins at the
 * machine's own group, then only to reap what is orphaned. bash takes a socket as its standard input for a login from afar where SHLVL is not
 * set, and would run the caller's ~/.bashrc.
 */
const init = `set -e
mount --make-rprivate /
mount -t proc proc /proc
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t sysfs sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup
# The checkout may lie in one of the places.
mount -t tmpfs none /mnt
mkdir /mnt/checkout
case $1 in /run/*|/tmp/*|/var/lib/*) mount --bind "$1" /mnt/checkout ;; esac
for place in /run /tmp /var/lib /dev/shm; do
  # What is only covered would still stand in mountinfo.
  while umount -R -l $place 2>/dev/null; do :; done
  awk -v p=$place/ 'index($5, p) == 1 { print $5 }' /proc/self/mountinfo | xargs -r umount -l 2>/dev/null || true
  mount -t tmpfs -o mode=755 none $place
done
case $1 in /run/*|/tmp/*|/var/lib/*) mkdir -p "$1"; mount --move /mnt/checkout "$1" ;; esac
umount /mnt
mount -t tmpfs none /mnt
cp -a /etc/. /mnt
mount --move /mnt /etc
ip link set lo up
echo ready
exec bash --norc -c 'sleep ${initSleep} & while :; do wait; done'`

export interface Listing {
  [what: string]: string[]
}

export interface Running {
  /** All that it has written to both outputs up to now. */
  readonly output: string
  readonly ended: Promise<{ code: number; output: string }>
  /** Writes to its standard input. */
  type(text: string): void
  /** Signals the command by its process id in the machine. */
  signal(name: 'INT' | 'TERM' | 'KILL'): Promise<void>
}

/**
 * A machine for tests of the whole command: mount, network, process and cgroup namespaces of its own, with empty /run, /tmp and /var/lib. What
 * other tests do meanwhile is not seen in it, so that before and after can be compared to the last route.
 */
export class Machine {
  readonly #cgroup: string
  readonly #init: ChildProcess
  readonly #pid: number

  private constructor(cgroup: string, process: ChildProcess, pid: number) {
    this.#cgroup = cgroup
    this.#init = process
    this.#pid = pid
  }

  /** @param name tells the machines of one test process apart */
  static async start(name: string): Promise<Machine> {
    const cgroup = `weft-t${process.pid}-${name}`
    createCgroup(cgroup)
    const flags = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--cgroup', '--uts', '--ipc']
    const child = spawn('sh', ['-c', `read _ && exec unshare ${flags.join(' ')} sh -c "$0" init "$1"`, init, root], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    joinCgroup(cgroup, child.pid as number)
    child.stdin.end('go\n')
    const started = new Promise<void>((resolve, reject) => {
      let words = ''
      child.stderr.on('data', (data) => (words += String(data)))
      child.stdout.once('data', () => resolve())
      child.once('close', () => reject(new Error(`the machine did not start: ${words}`)))
    })
    await started.catch(async (error: unknown) => {
      await killCgroup(cgroup)
      throw error
    })
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    return new Machine(cgroup, child, Number(children.trim()))
  }

  /** Ends all that runs in it; everything else goes with it. */
  async close(): Promise<void> {
    await killCgroup(this.#cgroup)
    if (this.#init.exitCode === null && this.#init.signalCode === null)
      await new Promise((resolve) => this.#init.once('exit', resolve))
  }

  /** Writes a file in the machine, e.g. in /tmp. */
  write(path: string, text: string): void {
    const file = `/proc/${this.#pid}/root${path}`
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  /** Runs a shell script in the machine, from the project's folder. */
  sh(script: string, args: string[] = [], timeoutMs = 110_000): Promise<RunResult> {
    const [program, ...rest] = this.#enter(['sh', '-c', script, 'sh', ...args])
    return run(program as string, rest, { timeoutMs, env: this.#environment() })
  }

  /** Runs `weft`. */
  weft(...args: string[]): Promise<RunResult> {
    return this.sh('exec "$@"', [process.execPath, weft, ...args])
  }

  /** Runs `weft` where a shell script has changed the mounts, or the command line in "$@"; nobody else sees that. */
  weftIn(prepare: string, ...args: string[]): Promise<RunResult> {
    const script = `${prepare}\nexec "$@"`
    return this.sh('exec unshare --mount sh -e -c "$@"', [script, 'sh', process.execPath, weft, ...args])
  }

  /** Starts `weft` and lets it run. */
  start(...args: string[]): Running {
    return this.startScript('exec "$@"', [process.execPath, weft, ...args])
  }

  startScript(script: string, args: string[]): Running {
    const [program, ...rest] = this.#enter(['sh', '-c', `echo $$; ${script}`, 'sh', ...args])
    const child = spawn(program as string, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#environment() },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)))
    const ended = new Promise<{ code: number; output: string }>((resolve) => {
      child.once('close', (code) => {
        child.stdin.destroy()
        resolve({ code: code ?? -1, output })
      })
    })
    return {
      ended,
      get output() {
        return output
      },
      type: (text) => void child.stdin.write(text),
      signal: async (name) => {
        await this.sh('kill -s "$1" "$2"', [name, output.split('\n')[0] ?? ''])
      },
    }
  }

  /** kill -9 of all that runs in it, in random order, one after the other, until nothing is left but its first process. */
  async killEverything(): Promise<void> {
    for (;;) {
      const pids = this.#processes().map(({ pid }) => pid)
      if (pids.length === 0) return
      for (const pid of shuffled(pids)) killed(pid)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** What runs besides the first process with its helpers, by the process ids of the host. All stays in the machine's cgroup. */
  #processes(): { pid: number; command: string }[] {
    return listPids(this.#cgroup)
      .map((pid) => ({ pid, command: commandLineOf(pid) }))
      .filter(({ command }) => command !== '' && !command.includes(`${initSleep}`))
  }

  /** All in which a lab could leave something, as sorted lines. */
  async listing(): Promise<Listing> {
    const { stdout, stderr, code } = await this.sh(`
      section() { echo "== $1"; }
      section 'network namespaces'; ip netns list
      section namespaces; lsns -nr -o TYPE,NS | grep -v '^time'
      section links; ip -o link; bridge fdb
      section addresses; ip -o address
      section neighbours; ip neighbour
      section routes; ip route show table all; ip -6 route show table all
      section rules; ip rule; ip -6 rule
      section nftables; nft list ruleset
      section sysctls; grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge
      section mounts; cat /proc/1/mountinfo
      section cgroups; find /sys/fs/cgroup -type d
      section sockets; cat /proc/1/net/unix | awk '{print $8}' | grep weft
      section files; find /run /tmp /var/lib /etc /dev/shm -xdev
      true`)
    if (code !== 0) throw new Error(stderr)
    const sections = stdout.split(/^== /m).slice(1)
    const listing = sections.map((section) => {
      const [title = '', ...lines] = section.split('\n')
      return [title, lines.filter(Boolean).toSorted()]
    })
    const processes = this.#processes().map(({ command }) => command)
    return { ...Object.fromEntries(listing), processes }
  }

  /** Command line that runs in all of the machine's namespaces, and in its cgroup. */
  #enter(command: string[]): string[] {
    const script = 'echo $$ >"$1"; shift; exec "$@"'
    const inside = ['nsenter', `--target=${this.#pid}`, '--all', 'sh', '-c', 'cd "$0"; exec "$@"', root, ...command]
    return ['sh', '-c', script, 'sh', join(cgroupRoot(), this.#cgroup, 'cgroup.procs'), ...inside]
  }

  #environment = (): Record<string, string> => ({ HOME: '/tmp', KUBECONFIG: '' })
}

const shuffled = <T>(items: T[]): T[] =>
  items
    .map((item) => ({ item, rank: Math.random() }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)

/** Empty for a process that has ended. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went together with another one.
  }
}
