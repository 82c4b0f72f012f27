import { closeSync, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs'
import { WeftError } from '../../../model/error.ts'
import { logFile, removeBefore, removeUnfinished, snapshotFile, stateFiles, syncFolder } from './files.ts'
import { readRecords } from './record.ts'
import { Replay } from './saved.ts'

export interface Loaded {
  saved: Replay
  /** Number of the log to go on with. */
  log: number
  /** Nobody has written here before. */
  isNew: boolean
}

/**
 * Reads what was saved in a folder and puts the folder in order: an unfinished record at the end of the log is cut off, and what came after
 * damage is removed, so that what remains is a prefix of what was committed.
 *
 * @throws WeftError API_STATE_DAMAGED if a snapshot is not what was written, or all of it is of another layout
 */
export function loadState(dir: string): Loaded {
  removeUnfinished(dir)
  const { snapshots, logs } = stateFiles(dir)
  const base = snapshots.at(-1) ?? 1
  const saved = new Replay()
  if (snapshots.length > 0) readSnapshot(snapshotFile(dir, base), saved)
  let log = base
  for (const number of logs.filter((n) => n >= base)) {
    const follows = number === base || number === log + 1
    const whole = follows && readLog(logFile(dir, number), saved)
    if (follows) log = number
    if (whole) continue
    for (const later of logs.filter((n) => n > log)) rmSync(logFile(dir, later))
    break
  }
  removeBefore(dir, base)
  syncFolder(dir)
  return { saved, log, isNew: logs.length === 0 && snapshots.length === 0 }
}

function readSnapshot(file: string, saved: Replay): void {
  const end = read(file, 'r', saved)
  if (end.at !== end.size || end.size === 0) throw damaged(file, `it is damaged at byte ${end.at}`)
}

/** False if the end of it was cut off. */
function readLog(file: string, saved: Replay): boolean {
  const { at, size } = read(file, 'r+', saved)
  return at === size
}

function read(file: string, mode: 'r' | 'r+', saved: Replay): { at: number; size: number } {
  const fd = openSync(file, mode)
  try {
    const { size } = fstatSync(fd)
    const records = readRecords(fd)
    let next = records.next()
    for (; !next.done; next = records.next()) take(file, saved, next.value)
    if (mode === 'r+' && next.value < size) ftruncateSync(fd, next.value)
    return { at: next.value, size }
  } finally {
    closeSync(fd)
  }
}

function take(file: string, saved: Replay, payload: Buffer): void {
  try {
    saved.take(payload)
  } catch (cause) {
    throw damaged(file, 'it cannot be read', cause)
  }
}

const damaged = (file: string, why: string, cause?: unknown): WeftError =>
  new WeftError(`the saved state of the API cannot be used: ${why}`, {
    code: 'API_STATE_DAMAGED',
    fault: 'internal',
    where: file,
    remedy: 'take the lab down and start it again; what it held is lost',
    cause,
  })
