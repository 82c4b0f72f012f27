import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts this command again, with other arguments. `WEFT_BENCH_NODE_FLAGS` goes to Node, e.g. `--cpu-prof`. */
export function startWorker(args: string[]): ChildProcess {
  const flags = process.env['WEFT_BENCH_NODE_FLAGS']?.split(' ') ?? []
  const command = [...flags, process.argv[1] ?? '', ...args]
  return spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** What a worker tells next. @throws Error if it ends instead */
export function next<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const exited = (code: number | null): void => reject(new Error(`the worker ended with code ${code}`))
    child.once('exit', exited)
    child.once('message', (message) => {
      child.off('exit', exited)
      resolve(message as T)
    })
  })
}

/** A folder for the work of one bench, gone afterwards. */
export async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  try {
    return await work(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Tells a worker to end, and waits until it has. */
export function end(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.disconnect()
  return ended
}
