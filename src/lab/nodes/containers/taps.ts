import type { LogStream } from './log-file.ts'

/** Somebody who gets the output of one run of a container as it comes, as `kubectl attach` does. */
export interface Tap {
  /** @returns undefined, or what resolves when the next may come: until then the program waits, as with a real container runtime */
  write(stream: LogStream, chunk: Buffer): Promise<void> | undefined
  /** The run is over, and nothing is missing. */
  end(): void
}

/** By the path of the run's log: whoever writes that is who knows. */
const taps = new Map<string, Set<Tap>>()

/** Gives a tap all output from now on. @returns how it is taken away again */
export function addTap(logPath: string, tap: Tap): () => void {
  const there = taps.get(logPath) ?? new Set()
  taps.set(logPath, there.add(tap))
  return () => {
    there.delete(tap)
    if (there.size === 0 && taps.get(logPath) === there) taps.delete(logPath)
  }
}

/** Hands output to all taps of a run. @returns what resolves when all of them can take more; undefined: they can */
export function tellTaps(logPath: string, stream: LogStream, chunk: Buffer): Promise<void> | undefined {
  const busy = [...(taps.get(logPath) ?? [])].flatMap((tap) => tap.write(stream, chunk) ?? [])
  return busy.length === 0 ? undefined : Promise.all(busy).then(() => {})
}

/** The run is over. */
export function endTaps(logPath: string): void {
  const there = taps.get(logPath)
  taps.delete(logPath)
  for (const tap of there ?? []) tap.end()
}
