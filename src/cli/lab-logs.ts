import { readLogs } from '../lab/logs.ts'
import { exitCodes } from './errors.ts'

interface Options {
  name: string
  namespace: string
  container?: string
  follow?: boolean
  previous?: boolean
  timestamps?: boolean
  tail?: number
}

/** `weft lab logs`: what a container says. */
export async function run(options: Options, [pod = '']: string[]): Promise<number> {
  const pieces = readLogs({
    lab: options.name,
    namespace: options.namespace,
    pod,
    follow: options.follow === true,
    previous: options.previous === true,
    timestamps: options.timestamps === true,
    ...(options.container !== undefined && { container: options.container }),
    ...(options.tail !== undefined && { tailLines: options.tail }),
  })
  for await (const piece of pieces) await write(piece)
  return exitCodes.ok
}

/** Waits for a reader that is slower than the log. */
const write = (piece: Buffer): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(piece, () => resolve())
  })
