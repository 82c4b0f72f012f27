import { closeSync, fsyncSync, openSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The files of a saved store. Snapshot n holds what there was when log n began; log n holds what was committed from then on. Log 1 begins with
 * nothing. What is being written is called `.new`.
 */
export interface StateFiles {
  snapshots: number[]
  logs: number[]
}

export const snapshotFile = (dir: string, number: number): string => join(dir, `${digits(number)}.snapshot`)
export const logFile = (dir: string, number: number): string => join(dir, `${digits(number)}.log`)

const digits = (number: number): string => String(number).padStart(8, '0')

/** Removes what an earlier process left half-written. */
export function removeUnfinished(dir: string): void {
  for (const name of readdirSync(dir)) if (name.endsWith('.new')) rmSync(join(dir, name))
}

/** What is in the folder, in ascending order. */
export function stateFiles(dir: string): StateFiles {
  const names = readdirSync(dir).sort()
  const numbers = (suffix: string): number[] =>
    names.flatMap((name) => (/^\d{8}\.[a-z]+$/.test(name) && name.endsWith(suffix) ? Number.parseInt(name, 10) : []))
  return { snapshots: numbers('.snapshot'), logs: numbers('.log') }
}

/** Removes what a snapshot has made superfluous. */
export function removeBefore(dir: string, number: number): void {
  const { snapshots, logs } = stateFiles(dir)
  for (const old of logs.filter((n) => n < number)) rmSync(logFile(dir, old))
  for (const old of snapshots.filter((n) => n < number)) rmSync(snapshotFile(dir, old))
}

/** Makes names of files durable (fsync(2): "an explicit fsync() on a file descriptor for the directory is also needed"). */
export function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
