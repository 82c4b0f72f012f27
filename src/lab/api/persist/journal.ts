import { closeSync, constants, fdatasync, fdatasyncSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import type { KubeObject, StoreEvent } from '../types.ts'
import { logFile, removeBefore, syncFolder } from './files.ts'
import { loadState } from './load.ts'
import { encodeRecord } from './record.ts'
import { goneLine, objectLine, type Saved, startLine } from './saved.ts'
import { writeSnapshot } from './snapshot.ts'

export interface JournalOptions {
  /** Told of what goes wrong in the background. */
  onError: (error: unknown) => void
  /** JSON of an object as it is stored. */
  encode: (resource: string, object: KubeObject) => Buffer
  /** A log longer than this, and than the latest snapshot, is followed by a snapshot; bytes, 8 MiB when absent. */
  compactBytes?: number
}

/** At most so many versions are in the kernel's page cache alone; a process that starts skips more than that. */
const maxUnsynced = 5_000
/** Versions that are skipped at a start: whatever was given out and then lost with the power is never given out again. */
export const versionGap = 2 * maxUnsynced
const syncMs = 500
const emptied = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND
const defaultCompactBytes = 8 * 1024 * 1024

/**
 * The log of a store's commits, with snapshots. What was flushed survives the death of the process (it is in the kernel); it is on the disk half
 * a second later, so that a power cut costs at most the last moments, and never leaves half of an operation.
 */
export class Journal {
  #saved: Saved | undefined
  readonly #dir: string
  readonly #options: JournalOptions
  #number: number
  #fd: number
  #size: number
  #snapshotSize = 0
  #waiting: Buffer[] = []
  /** Rest of a record that could only be written in part. */
  #rest: Buffer | undefined
  #version: number
  #syncedVersion: number
  #timer: NodeJS.Timeout | undefined
  #scheduled = false
  #compacting: Promise<void> | undefined
  #contents: (() => Saved['objects']) | undefined
  #closed = false

  /** Reads the folder, which is made if need be, and goes on writing there. @throws WeftError API_STATE_DAMAGED, or errors of the file system */
  constructor(dir: string, options: JournalOptions) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    this.#dir = dir
    this.#options = options
    const { saved, log, isNew } = loadState(dir)
    this.#version = isNew ? 0 : saved.version + versionGap
    this.#syncedVersion = this.#version
    this.#saved = isNew ? undefined : { version: this.#version, objects: saved.objects }
    this.#number = log
    const file = logFile(dir, log)
    this.#fd = openSync(file, 'a', 0o600)
    this.#size = statSync(file).size
    this.#write(encodeRecord([startLine(this.#version)]))
    fdatasyncSync(this.#fd)
    syncFolder(dir)
  }

  /** What was found, once: it is not kept. Its version is above all that were given out before. Undefined in a new folder. */
  takeSaved(): Saved | undefined {
    const saved = this.#saved
    this.#saved = undefined
    return saved
  }

  /** Begins to write snapshots, of what `contents` returns. */
  compactFrom(contents: () => Saved['objects']): void {
    this.#contents = contents
    this.#compactIfLong()
  }

  /** Takes note of a commit. It is written by the next `flush`, which comes by itself in this turn of the loop. */
  append(event: StoreEvent): void {
    if (this.#closed) return
    const { resourceVersion } = event.object.metadata
    this.#version = Number(resourceVersion)
    const line =
      event.type === 'DELETED'
        ? goneLine(event)
        : objectLine(event.resource, resourceVersion, this.#options.encode(event.resource, event.object))
    this.#waiting.push(line)
    if (this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      try {
        this.flush()
      } catch (error) {
        this.#options.onError(error)
      }
    })
  }

  /**
   * Hands all that was noted to the kernel, as one record: an operation is there whole or not at all. To be called before anybody is told of it.
   * @throws errors of the file system; what was noted stays noted
   */
  flush(): void {
    if (this.#closed || (this.#waiting.length === 0 && this.#rest === undefined)) return
    if (this.#rest !== undefined) this.#write(this.#rest)
    if (this.#waiting.length > 0) {
      const record = encodeRecord(this.#waiting)
      this.#waiting = []
      this.#write(record)
    }
    if (this.#version - this.#syncedVersion >= maxUnsynced) this.#syncNow()
    else this.#timer ??= setTimeout(() => this.#sync(), syncMs).unref()
    this.#compactIfLong()
  }

  /** Everything is on the disk when this resolves. */
  async close(): Promise<void> {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.flush()
    this.#closed = true
    await this.#compacting
    fdatasyncSync(this.#fd)
    closeSync(this.#fd)
  }

  #write(record: Buffer): void {
    this.#rest = record
    for (let at = 0; at < record.length; ) {
      const written = writeSync(this.#fd, record, at)
      at += written
      this.#size += written
      this.#rest = at < record.length ? record.subarray(at) : undefined
    }
  }

  #syncNow(): void {
    fdatasyncSync(this.#fd)
    this.#syncedVersion = this.#version
  }

  #sync(): void {
    const version = this.#version
    const fd = this.#fd
    fdatasync(fd, (error) => {
      this.#timer = undefined
      if (this.#closed) return
      // A log that is not the current one any more was synced before it was closed.
      if (error === null) this.#syncedVersion = Math.max(this.#syncedVersion, version)
      else if (fd === this.#fd) this.#options.onError(error)
      if (this.#syncedVersion < this.#version) this.#timer = setTimeout(() => this.#sync(), syncMs).unref()
    })
  }

  #compactIfLong(): void {
    const limit = Math.max(this.#options.compactBytes ?? defaultCompactBytes, this.#snapshotSize)
    if (this.#contents === undefined || this.#compacting !== undefined || this.#closed || this.#size < limit) return
    try {
      this.#nextLog()
    } catch (error) {
      this.#options.onError(error)
      return
    }
    const number = this.#number
    const state = { version: this.#version, objects: this.#contents() }
    this.#compacting = writeSnapshot(this.#dir, number, state, this.#options.encode)
      .then((size) => {
        this.#snapshotSize = size
        removeBefore(this.#dir, number)
      })
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => (this.#compacting = undefined))
  }

  #nextLog(): void {
    // What an attempt that failed left behind holds nothing.
    const fd = openSync(logFile(this.#dir, this.#number + 1), emptied, 0o600)
    fdatasyncSync(this.#fd)
    closeSync(this.#fd)
    this.#fd = fd
    this.#number++
    this.#size = 0
    this.#write(encodeRecord([startLine(this.#version)]))
    this.#syncNow()
    syncFolder(this.#dir)
  }
}
