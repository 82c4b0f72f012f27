import { resolve } from 'node:path'

/** The command line that starts this command again, from any working directory. */
export const program = (): string[] => [process.execPath, resolve(process.argv[1] ?? 'weft')]
