// What the VM boots: Debian's stock kernel for clouds, unpacked and not installed, and an initramfs with the few modules that reach the host's root.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cpio } from './vm-cpio.mjs'

export const cache = '.cache/vm'
/** Where Debian's releases have it in the package. */
const busyboxes = ['bin/busybox', 'usr/bin/busybox']
/** What reaches the host: PCI, ports for output and exit code, the shared root, the layer of changes above it. */
const first = ['virtio_pci', 'virtio_console', 'virtiofs', 'overlay']

/** Why there can be no VM here. */
export class NoVm extends Error {}

/** @returns {{ name: string, kernel: string, initramfs: Buffer, modules: string }} paths in the checkout; fetched once. @throws NoVm */
export function vmImage() {
  if (process.arch !== 'x64') throw new NoVm(`the VM is made for x86-64, this is ${process.arch}`)
  const name = unpacked() ?? fetchKernel()
  const folder = join(cache, name)
  const version = name.replace('linux-image-', '')
  return {
    name,
    kernel: join(folder, `boot/vmlinuz-${version}`),
    initramfs: initramfs(busyboxOf(folder), join(folder, 'lib/modules', version)),
    modules: join(folder, 'lib'),
  }
}

const unpacked = () =>
  existsSync(cache) ? readdirSync(cache).findLast((name) => name.startsWith('linux-image-')) : undefined

function run(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', ...options })
  return status === 0 ? stdout : undefined
}

function fetchKernel() {
  const aside = resolve(cache, `new-${process.pid}`)
  mkdirSync(aside, { recursive: true })
  try {
    const name = kernelPackage() ?? (run('apt-get', ['update', '-q']), kernelPackage())
    if (name === undefined) throw new NoVm("Debian's package linux-image-cloud-amd64 is not to be had here")
    for (const one of [name, 'busybox-static']) {
      const script = `apt-get download -q ${one} && dpkg-deb -x ${one}_*.deb ${name}`
      const fetched = () => run('sh', ['-c', script], { cwd: aside }) !== undefined
      if (!fetched() && (run('apt-get', ['update', '-q']), !fetched()))
        throw new NoVm(`the package ${one} cannot be fetched`)
    }
    const folder = join(aside, name)
    if (run(busyboxOf(folder), ['depmod', '-b', folder, name.replace('linux-image-', '')]) === undefined) {
      throw new NoVm('the list of kernel modules cannot be made')
    }
    rmSync(join(cache, name), { recursive: true, force: true })
    renameSync(folder, join(cache, name))
    return name
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

const kernelPackage = () =>
  /Depends: (linux-image-\S+)/.exec(run('apt-cache', ['depends', 'linux-image-cloud-amd64']) ?? '')?.[1]

const busyboxOf = (folder) => busyboxes.map((path) => join(folder, path)).find((path) => existsSync(path))

function initramfs(busybox, modules) {
  const paths = modulesInOrder(modules)
  const settings = `FIRST_MODULES='${paths.map((path) => path.split('/').at(-1)).join(' ')}'\n`
  return cpio([
    { path: 'bin', mode: 0o040755 },
    { path: 'modules', mode: 0o040755 },
    { path: 'dev', mode: 0o040755 },
    { path: 'bin/busybox', mode: 0o100755, data: readFileSync(busybox) },
    { path: 'init', mode: 0o100755, data: readFileSync(new URL('vm-init.sh', import.meta.url)) },
    { path: 'first', mode: 0o100644, data: settings },
    ...paths.map((path) => ({
      path: `modules/${path.split('/').at(-1)}`,
      mode: 0o100644,
      data: readFileSync(join(modules, path)),
    })),
  ])
}

/** The modules of `first` and what they need, each after its needs. */
function modulesInOrder(modules) {
  const needs = new Map()
  for (const line of readFileSync(join(modules, 'modules.dep'), 'utf8').split('\n')) {
    const [path, rest = ''] = line.split(':')
    needs.set(path, rest.split(' ').filter(Boolean))
  }
  const order = new Set()
  const add = (path) => {
    for (const need of needs.get(path) ?? []) add(need)
    order.add(path)
  }
  for (const name of first) for (const path of needs.keys()) if (path.endsWith(`/${name}.ko`)) add(path)
  return [...order]
}
