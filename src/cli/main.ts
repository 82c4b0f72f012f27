import { CommanderError } from 'commander'
import { exitCodeOf, exitCodes, formatError } from './errors.ts'
import { buildProgram } from './program.ts'

/** A reader that goes away (`weft … | head`) is no error of ours; nor is a terminal, for which a SIGHUP comes that the command may have to clean up after. */
function leaveQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit()
      if (error.code !== 'EIO') throw error
    })
  }
}

/** Prints an error and gives its exit code; help has been printed already, on stderr where a command was missing. */
function fail(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  process.stderr.write(`${formatError(error, process.argv.includes('--debug'))}\n`)
  return exitCodeOf(error)
}

async function main(): Promise<number> {
  let exitCode: number = exitCodes.ok
  const program = buildProgram((code) => {
    exitCode = code
  })
  try {
    await program.parseAsync()
  } catch (error) {
    exitCode = fail(error)
  }
  return exitCode
}

leaveQuietlyOnClosedPipe()
process.exitCode = await main()
// A connection that is kept open for reuse must not keep the command; what was written is flushed first.
process.stdout.write('', () => process.exit())
