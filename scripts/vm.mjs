// Runs one command line in a small VM with Debian's stock kernel: `node scripts/vm.mjs COMMAND`. The checkout is its working directory, the host's root
// is there to read, what it writes is memory and goes with it. Its output and exit code are the command's; 124: over the time limit, 125: no VM.
import { spawn } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cache, NoVm, vmImage } from './vm-image.mjs'
import { cpio } from './vm-cpio.mjs'

const qemu = '/usr/bin/qemu-system-x86_64'
const virtiofsds = ['/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd']
const memoryMiB = 2048
/**
 * What does not load on use: bridged traffic passes netfilter through the first, and iptables-legacy needs the next three. For each of the others a transaction of
 * nftables would be rolled back and begun again, which takes seconds under emulation.
 */
const defaultModules =
  'br_netfilter ip_tables iptable_nat iptable_filter nf_tables nft_chain_nat nft_ct nft_nat nft_masq nft_numgen nft_fib_inet nft_reject_inet nft_reject_ipv4 nft_reject_ipv6'.split(
    ' ',
  )
/** Nested, KVM may hang where it should fail: a kernel that says nothing for so long will not. */
const kvmSilenceMs = 3000

/**
 * @typedef {object} VmOptions
 * @property {number} [timeoutSeconds] default 300
 * @property {string[]} [modules] kernel modules to load before the command
 * @property {Record<string, string>} [env]
 * @property {(text: string) => void} [onOutput] default: to stdout
 */

/** @param {string} command a line of shell @param {VmOptions} options @returns {Promise<number>} its exit code. @throws NoVm */
export async function runInVm(command, options = {}) {
  removeLeftovers()
  if (process.getuid?.() !== 0) throw new NoVm('only root can share the whole root file system with it')
  const image = vmImage()
  const virtiofsd = virtiofsds.find((path) => existsSync(path))
  for (const path of [qemu, virtiofsd ?? 'virtiofsd']) if (!existsSync(path)) throw new NoVm(`${path} is not installed`)
  const folder = resolve(cache, `run-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    writeFileSync(join(folder, 'initramfs'), Buffer.concat([image.initramfs, commandArchive(command, image, options)]))
    const accelerators = kvmUsable() ? ['kvm', 'tcg'] : ['tcg']
    for (const accelerator of accelerators) {
      const code = await boot({ folder, image, virtiofsd, accelerator, options })
      if (code !== undefined) return code
      writeFileSync(join(cache, 'no-kvm'), bootId())
    }
    throw new NoVm(`the VM did not start: ${lastLines(join(folder, 'console'))}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** What differs from run to run, as a second archive behind the first. */
function commandArchive(command, image, { env = {}, modules = defaultModules }) {
  const variables = { PATH: process.env.PATH, HOME: '/root', LANG: 'C.UTF-8', WEFT_VM: image.name, ...env }
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}\n`)
  const settings = `. /first\nCHECKOUT=${quoted(process.cwd())}\nMODULES=${quoted(resolve(image.modules))}\nLATER_MODULES=${quoted(modules.join(' '))}\n`
  return cpio([
    { path: 'settings', mode: 0o100644, data: settings },
    { path: 'command', mode: 0o100644, data: `${exports.join('')}cd ${quoted(process.cwd())}\n${command}\n` },
  ])
}

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')

function kvmUsable() {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return false
  }
  const known = join(cache, 'no-kvm')
  return !existsSync(known) || readFileSync(known, 'utf8') !== bootId()
}

/** Both processes go with this one, however it ends. */
const child = (command, args, stdio) => spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], { stdio })

/** @returns {Promise<number | undefined>} the command's exit code; undefined: the machine did not get as far as running it */
async function boot({ folder, image, virtiofsd, accelerator, options }) {
  const { timeoutSeconds = 300, onOutput = (text) => process.stdout.write(text) } = options
  const files = { socket: join(folder, 'root.sock'), status: join(folder, 'status'), console: join(folder, 'console') }
  for (const path of Object.values(files)) rmSync(path, { force: true })
  const share = child(virtiofsd, shareArguments(virtiofsd, files.socket), ['ignore', 'ignore', 'ignore'])
  await until(() => existsSync(files.socket) || share.exitCode !== null || share.signalCode !== null)
  // Its input stays open: at its end QEMU would take the port for unplugged, and the guest's first write would wait for ever.
  const machine = child(qemu, machineArguments({ folder, image, accelerator, files }), ['pipe', 'pipe', 'pipe'])
  let told = ''
  machine.stdout.setEncoding('utf8').on('data', onOutput)
  machine.stderr.setEncoding('utf8').on('data', (text) => (told += text))
  const ended = new Promise((done) => machine.once('close', done))
  let late = false
  const limit = setTimeout(() => {
    late = true
    machine.kill('SIGKILL')
  }, timeoutSeconds * 1000)
  const silence = setTimeout(() => {
    if (accelerator === 'kvm' && statSync(files.console, { throwIfNoEntry: false })?.size === 0) machine.kill('SIGKILL')
  }, kvmSilenceMs)
  await ended
  clearTimeout(limit)
  clearTimeout(silence)
  share.kill('SIGKILL')
  if (late) return 124
  const status = existsSync(files.status) ? readFileSync(files.status, 'utf8').trim() : ''
  if (status !== '') return Number(status)
  if (accelerator === 'tcg') throw new NoVm(`the VM stopped early: ${told}${lastLines(files.console)}`)
  return undefined
}

async function until(condition) {
  while (!condition()) await new Promise((done) => setTimeout(done, 10))
}

const shareArguments = (virtiofsd, socket) =>
  virtiofsd.includes('libexec')
    ? ['--socket-path', socket, '--shared-dir', '/', '--sandbox', 'chroot', '--cache', 'always']
    : ['-f', `--socket-path=${socket}`, '-o', 'source=/', '-o', 'sandbox=chroot', '-o', 'cache=always']

function machineArguments({ folder, image, accelerator, files }) {
  const kvm = accelerator === 'kvm'
  return [
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-no-reboot',
    '-machine',
    `q35,memory-backend=memory`,
    '-accel',
    kvm ? 'kvm' : 'tcg,thread=multi',
    '-cpu',
    kvm ? 'host' : 'max',
    '-smp',
    String(Math.min(4, cpus().length)),
    '-m',
    String(memoryMiB),
    '-object',
    `memory-backend-memfd,id=memory,size=${memoryMiB}M,share=on`,
    '-kernel',
    image.kernel,
    '-initrd',
    join(folder, 'initramfs'),
    '-append',
    'console=ttyS0 loglevel=5 panic=-1 mitigations=off random.trust_cpu=on',
    '-serial',
    `file:${files.console}`,
    '-device',
    'virtio-serial-pci',
    '-chardev',
    'stdio,id=output,signal=off',
    '-device',
    'virtserialport,chardev=output,name=output',
    '-chardev',
    `file,id=status,path=${files.status}`,
    '-device',
    'virtserialport,chardev=status,name=status',
    '-chardev',
    `socket,id=root,path=${files.socket}`,
    '-device',
    'vhost-user-fs-pci,chardev=root,tag=host',
  ]
}

const lastLines = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').slice(-8).join('\n') : '')

/** Of runs that were killed only files are left: their processes went with them. */
function removeLeftovers() {
  if (!existsSync(cache)) return
  for (const name of readdirSync(cache)) {
    const pid = /^(?:run|new|tests)-(\d+)$/.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const command = process.argv.slice(2).join(' ')
  try {
    process.exitCode = await runInVm(command, { timeoutSeconds: Number(process.env.WEFT_VM_SECONDS ?? 300) })
  } catch (error) {
    if (!(error instanceof NoVm)) throw error
    process.stderr.write(`no VM: ${error.message}\n`)
    process.exitCode = 125
  }
}
