import { writeSync } from 'node:fs'

/** A line of a lab process's log file: JSON with time, message and fields. */
export type Log = (message: string, fields?: Record<string, unknown>) => void

/** Writes to standard error, which the supervisor sends to a file in the lab's folder. What cannot be written (the disk is full) is lost, and nothing else. */
export function jsonLog(component: string): Log {
  return (message, fields = {}) => {
    const line = { time: new Date().toISOString(), component, message, ...fields }
    try {
      writeSync(process.stderr.fd, `${JSON.stringify(line)}\n`)
    } catch {
      // There is nowhere to say it.
    }
  }
}

/** What an error says, for a log line. */
export const errorText = (error: unknown): string => (error instanceof Error ? error.message : String(error))
