import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { textOf } from '../../kernel/read-if-there.ts'
import type { ChildState } from '../files.ts'
import type { Log } from '../log.ts'

const firstBackoffMs = 100
const longestBackoffMs = 5_000
/** A process that lived this long starts again with the shortest delay. */
const steadyMs = 10_000

export interface ChildOptions {
  /** For the log, e.g. `node1 agent`. */
  name: string
  /** Program and arguments; a function is asked at each start. */
  command: string[] | (() => string[])
  /** Both outputs are appended here. */
  logFile: string
  log: Log
  /** Called after each start and end. */
  onChange: () => void
}

/** A process that is started again whenever it ends, until `stop`. */
export class SupervisedChild {
  private readonly options: ChildOptions
  private process: ChildProcess | undefined
  private timer: NodeJS.Timeout | undefined
  private backoffMs = firstBackoffMs
  private restarts = 0
  private lastExit: string | undefined
  private stopped = false
  private suspended = false

  constructor(options: ChildOptions) {
    this.options = options
    this.start()
  }

  get state(): ChildState {
    const pid = this.process?.pid
    return {
      restarts: this.restarts,
      ...(pid !== undefined && { pid }),
      ...(this.lastExit !== undefined && { lastExit: this.lastExit }),
    }
  }

  /** Asks the process to end and does not start it again. */
  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.process?.kill('SIGTERM')
  }

  /** Kills the process, and does not start it again before `resume`. */
  suspend(): void {
    this.suspended = true
    clearTimeout(this.timer)
    this.process?.kill('SIGKILL')
  }

  /** Starts it again, at once. */
  resume(): void {
    if (!this.suspended) return
    this.suspended = false
    this.backoffMs = firstBackoffMs
    // A process that is only just dying is started again when it has ended.
    if (!this.stopped && this.process === undefined) this.start()
  }

  private start(): void {
    const { command } = this.options
    const [program = '', ...args] = typeof command === 'function' ? command() : command
    const output = openLog(this.options.logFile)
    const child = spawn(program, args, { stdio: ['ignore', output, output] })
    if (output !== 'ignore') closeSync(output)
    const startedMs = performance.now()
    let ended = false
    const end = (how: string): void => {
      if (ended) return
      ended = true
      this.ended(how, performance.now() - startedMs)
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
    this.process = child
    this.options.onChange()
  }

  private ended(how: string, livedMs: number): void {
    this.process = undefined
    const words = how === 'exit code 0' ? undefined : lastWords(this.options.logFile)
    this.lastExit = words === undefined ? how : `${how}: ${words}`
    if (livedMs > steadyMs) this.backoffMs = firstBackoffMs
    if (!this.stopped) this.restartLater()
    this.options.log('process ended', { process: this.options.name, how, restarts: this.restarts })
    this.options.onChange()
  }

  private restartLater(): void {
    this.restarts++
    if (this.suspended) return
    this.timer = setTimeout(() => this.start(), this.backoffMs)
    this.backoffMs = Math.min(this.backoffMs * 2, longestBackoffMs)
  }
}

/** A process runs without a log rather than not at all: the disk may be full. */
function openLog(file: string): number | 'ignore' {
  try {
    return openSync(file, 'a')
  } catch {
    return 'ignore'
  }
}

/** What a process said last of why it ends: its last error, as the command line prints them. */
function lastWords(logFile: string): string | undefined {
  const lines = textOf(logFile).split('\n')
  return lines.findLast((line) => line.startsWith('weft: '))?.slice('weft: '.length)
}
