import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** A file that is to be in a volume. */
export interface VolumeFile {
  data: Buffer
  /** Permission bits. */
  mode: number
}

/** Path below the volume's root → file. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>

const dataLink = '..data'

/**
 * Makes a directory hold exactly these files, as a kubelet does (pkg/volume/util/atomic_writer.go): they lie in a directory with the time in its name, the
 * symbolic link `..data` names it, and each visible name is a link through `..data`. A reader therefore sees all of the old or all of
 * the new. Nothing is written when nothing differs.
 *
 * @param group who has the files; absent: root
 */
export function writeVolume(directory: string, files: VolumeFiles, group?: number): void {
  mkdirSync(directory, { recursive: true })
  const old = currentDirectory(directory)
  if (old !== undefined && isSame(join(directory, old), files)) return
  const next = newName()
  for (const [path, { data, mode }] of files) writeFile(join(directory, next, path), data, mode)
  if (files.size === 0) mkdirSync(join(directory, next))
  if (group !== undefined) giveToGroup(directory, join(directory, next), group)
  const link = join(directory, `${dataLink}_tmp`)
  rmSync(link, { force: true })
  symlinkSync(next, link)
  renameSync(link, join(directory, dataLink))
  showNames(directory, files)
  if (old !== undefined) rmSync(join(directory, old), { recursive: true, force: true })
}

function writeFile(path: string, data: Buffer, mode: number): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, data)
  chmodSync(path, mode)
}

/** What is made in the directory from now on is the group's too (kubelet's SetVolumeOwnership). */
function giveToGroup(directory: string, below: string, group: number): void {
  const names = readdirSync(below, { recursive: true }) as string[]
  for (const path of [below, ...names.map((name) => join(below, name))]) chownSync(path, 0, group)
  chownSync(directory, 0, group)
  chmodSync(directory, 0o2775)
}

/** `..2026_01_31_10_00_00.123456789`, the last part random. */
function newName(): string {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_')
  return `..${time}.${randomBytes(4).readUInt32BE()}`
}

function currentDirectory(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, dataLink))
  } catch {
    return undefined
  }
}

/** One link for each first part of a path. Directories stay: they are mount points of volumes inside of this one. */
function showNames(directory: string, files: VolumeFiles): void {
  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0] ?? path))
  const links = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink())
  const visible = new Set(links.map(({ name }) => name).filter((name) => !name.startsWith('..')))
  for (const name of visible) if (!wanted.has(name)) rmSync(join(directory, name))
  for (const name of wanted) if (!visible.has(name)) symlinkSync(`${dataLink}/${name}`, join(directory, name))
}

function isSame(directory: string, files: VolumeFiles): boolean {
  try {
    if (filesBelow(directory).length !== files.size) return false
    return [...files].every(([path, { data, mode }]) => {
      const file = join(directory, path)
      return (statSync(file).mode & 0o777) === mode && readFileSync(file).equals(data)
    })
  } catch {
    return false
  }
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
